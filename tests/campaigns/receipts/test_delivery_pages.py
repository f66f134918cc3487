"""The dashboard of ops and what hangs on it (M-38)."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from campaigns import operations, receipts, tasks
from campaigns.models import Delivery, Run
from campaigns.progress import Progress
from engage.orgs import ranges
from engage.orgs.founding import add_unit
from engage.orgs.models import Org, OrgSettings, User
from engage.orgs.tenancy import org_context
from tests import factories
from tests.campaigns import factories as made
from tests.campaigns.receipts.ledgers import SENT_AT, Ledger, State, ledger_of, reports

LATER = SENT_AT + timedelta(hours=1)


@pytest.fixture
def ledger(org: Org) -> Ledger:
    """Six rows: delivered, bounced, in flight, failed, unconfirmed, skipped."""
    with org_context(org.pk):
        found = ledger_of(org, 6, sent=False)
        found.append(1, 2, 3)
        found.append(4, state=State.FAILED, reason="content_rejected")
        found.append(5, state=State.UNCONFIRMED, reason="no_answer")
        found.append(6, state=State.SKIPPED, reason="no_consent")
        told = reports(found.receipt("delivered", 1), found.receipt("bounced", 2, code="domain_invalid"))
        receipts.apply(found.sender, told, at=SENT_AT + timedelta(seconds=90))
    return found


@pytest.fixture
def ops(org: Org) -> User:
    return factories.member(org, "ops")


def signed_in(user: User, *, fresh: bool = False) -> Client:
    client = Client()
    client.force_login(user)
    if fresh:
        session = client.session
        session["proved_at"] = timezone.now().timestamp()
        session.save()
    return client


def page(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, answer.status_code
    return answer.content.decode()


def kpi(html: str, name: str) -> str:
    found = re.search(rf">{name}.*?<dd class=\"value num\">(?:<a[^>]*>)?([^<]*)", html, re.DOTALL)
    assert found is not None, name
    return found[1].strip()


def test_the_dashboard_sums_what_the_tally_says(ledger: Ledger, ops: User) -> None:
    """M-38, M-10, M-11, H-39"""
    html = page(signed_in(ops), f"/o/{ledger.org.slug}/delivery/?range=All")
    assert kpi(html, "Messages sent") == "3"
    assert kpi(html, "Delivery rate") == "33.33%"
    assert kpi(html, "Not delivered") == "1"
    assert kpi(html, "Unconfirmed") == "1"
    assert kpi(html, "Receipt delay") == "30.0 s"
    for words in ("Invalid domain", "Content rejected", "No consent", "Remove or correct the address."):
        assert words in html
    assert ledger.message.title in html
    assert ledger.sender.name in html


def test_the_dashboard_asks_as_often_for_twelve_runs_as_for_one(
    org: Org, ops: User, django_assert_max_num_queries: Any
) -> None:
    """Q-34: no page counts deliveries, or asks once a run."""
    client = signed_in(ops)
    with org_context(org.pk):
        for _ in range(2):
            ledger_of(org, 2)
    page(client, f"/o/{org.slug}/delivery/")
    with django_assert_max_num_queries(40) as few:
        page(client, f"/o/{org.slug}/delivery/")
    with org_context(org.pk):
        for _ in range(4):
            ledger_of(org, 2)
    with django_assert_max_num_queries(len(few)):
        page(client, f"/o/{org.slug}/delivery/")


def test_the_moving_part_comes_alone_for_htmx(ledger: Ledger, ops: User) -> None:
    """M-38, Q-30"""
    client, path = signed_in(ops), f"/o/{ledger.org.slug}/delivery/running/"
    part = client.get(path, headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in part
    assert 'hx-trigger="every 5s"' in part
    assert "<html" in page(client, path)


def test_a_blocked_run_says_why_and_what_to_do(ledger: Ledger, ops: User) -> None:
    """M-38, C-39"""
    with org_context(ledger.org.pk):
        Run.objects.for_org(ledger.org).update(status=Run.Status.BLOCKED, reason="sender_down")
    html = page(signed_in(ops), f"/o/{ledger.org.slug}/delivery/")
    assert "Its sender is not active." in html
    assert "Activate the sender, then continue." in html


def test_a_run_is_late_when_its_queue_waits(ledger: Ledger) -> None:
    """M-38: queue age"""
    with org_context(ledger.org.pk):
        access = made.access(factories.member(ledger.org, "ops"), ledger.org)
        at = timezone.now()
        assert operations.open_runs(access, at=at)[0].age is None
        ledger.add_waiting(5, not_before=at - timedelta(minutes=7))
        row = operations.open_runs(access, at=at)[0]
        assert (row.age, row.late, row.age_in_words) == (timedelta(minutes=7), True, "7 min")


def test_a_unit_sees_its_own_runs(org: Org, ledger: Ledger) -> None:
    """T-08, T-11, Q-09"""
    with org_context(org.pk):
        unit = add_unit(org, name="North", code="north", by=None, at=SENT_AT)
        bound = factories.member(org, "ops", units=[unit])
    client = signed_in(bound)
    html = page(client, f"/o/{org.slug}/delivery/?range=All")
    assert ledger.message.title not in html
    assert kpi(html, "Messages sent") == "0"
    assert client.get(f"/o/{org.slug}/delivery/parked/").status_code == 403
    assert "Halt all sending" not in html


@pytest.mark.parametrize("part", ["", "running/", "parked/", "reasons/sent/unknown_user/"])
def test_another_org_answers_as_if_it_never_existed(ledger: Ledger, other_org: Org, part: str) -> None:
    """T-11, Q-09"""
    with org_context(other_org.pk):
        stranger = factories.member(other_org, "admin")
    assert signed_in(stranger).get(f"/o/{ledger.org.slug}/delivery/{part}").status_code == 404


def test_the_customers_of_a_reason_are_listed(ledger: Ledger, ops: User) -> None:
    """H-39"""
    client, base = signed_in(ops), f"/o/{ledger.org.slug}/delivery/reasons"
    html = page(client, f"{base}/sent/domain_invalid/?range=All")
    assert f"C{ledger.people[2]}" in html
    assert f"C{ledger.people[1]}<" not in html
    assert f"C{ledger.people[6]}" in page(client, f"{base}/skipped/no_consent/?range=All")
    assert client.get(f"{base}/flying/no_consent/").status_code == 404


def test_who_may_not_see_customers_sees_no_list(ledger: Ledger, org: Org) -> None:
    """T-12"""
    client = signed_in(factories.member(org, "analyst"))
    assert client.get(f"/o/{org.slug}/delivery/reasons/sent/domain_invalid/").status_code == 403
    assert client.get(f"/o/{org.slug}/delivery/").status_code == 403


def test_an_approver_releases_a_row_after_new_proof(
    ledger: Ledger, approver: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C-23, T-20"""
    rung: list[dict[str, int]] = []
    monkeypatch.setattr(tasks.look_after, "delay", lambda **ids: rung.append(ids))
    path = f"/o/{ledger.org.slug}/delivery/unconfirmed/"
    with org_context(ledger.org.pk):
        long_ago = timezone.now() - timedelta(hours=2)
        Delivery.objects.for_org(ledger.org).filter(seq=5).update(state_at=long_ago)
    html = page(signed_in(approver), path)
    assert "may get it twice" in html
    row = {"row": f"{ledger.run.pk}.5"}
    stale = signed_in(approver).post(f"{path}release/", row)
    assert "/prove/" in stale["Location"]
    assert signed_in(approver, fresh=True).post(f"{path}release/", row).status_code == 302
    with org_context(ledger.org.pk):
        assert ledger.progress().queued == 1
        assert ledger.findings() == []


def test_ops_sees_unconfirmed_rows_and_releases_none(ledger: Ledger, ops: User) -> None:
    """C-23, M-38"""
    client, path = signed_in(ops, fresh=True), f"/o/{ledger.org.slug}/delivery/unconfirmed/"
    assert "an approver decides" in page(client, path)
    assert client.post(f"{path}release/", {"row": f"{ledger.run.pk}.5"}).status_code == 403


def test_halt_and_arm_need_new_proof(ledger: Ledger, ops: User) -> None:
    """C-46, T-20"""
    path = f"/o/{ledger.org.slug}/delivery/halt/"
    assert "/prove/" in signed_in(ops).post(path, {"do": "halt", "reason": "x"})["Location"]
    client = signed_in(ops, fresh=True)
    client.post(path, {"do": "halt", "reason": "Wrong prices"})
    html = page(client, f"/o/{ledger.org.slug}/delivery/")
    assert "All sending of this organisation is halted." in html
    assert "Wrong prices" in html
    client.post(path, {"do": "arm"})
    with org_context(ledger.org.pk):
        assert OrgSettings.objects.for_org(ledger.org).get().sending_halted_at is None
    assert signed_in(factories.member(ledger.org, "marketer"), fresh=True).post(path, {}).status_code == 403


def test_a_customers_messages_have_state_and_reason(ledger: Ledger, ops: User, other_org: Org) -> None:
    """H-39, T-11"""
    client = signed_in(ops)

    def of(seq: int) -> str:
        return page(client, f"/o/{ledger.org.slug}/customers/{ledger.people[seq]}/deliveries/")

    assert "Delivered" in of(1)
    assert "Hard bounce: the domain takes no mail." in of(2)
    assert "The provider refused the content" in of(4)
    with org_context(other_org.pk):
        stranger = factories.member(other_org, "admin")
    theirs = f"/o/{other_org.slug}/customers/{ledger.people[1]}/deliveries/"
    assert signed_in(stranger).get(theirs).status_code == 404


def test_a_range_is_days_in_org_time() -> None:
    """M-05, M-41"""
    today = date(2026, 3, 31)
    assert ranges.read({"range": "7D"}, today).since == date(2026, 3, 25)
    assert ranges.read({"range": "1M"}, today).since == date(2026, 2, 28)
    assert ranges.read({"range": "6M"}, today).since == date(2025, 9, 30)
    assert ranges.read({"range": "All"}, today).since is None
    assert ranges.read({"from": "2026-01-05", "to": "2026-01-09"}, today).days == 5
    assert ranges.read({}, today).preset == "1M"
    for asked in ({"range": "9Y"}, {"from": "yesterday"}, {"from": "2026-03-02", "to": "2026-03-01"}):
        found = ranges.read(asked, today)
        assert (found.preset, bool(found.problem)) == ("1M", True)


def test_a_long_range_is_drawn_in_weeks_and_months() -> None:
    """M-38: every row is in one bar, whatever the width of a bar."""
    today = date(2026, 3, 31)
    by_day = {today - timedelta(days=n): Progress(sent=1) for n in range(0, 400, 3)}
    for preset, most in (("7D", 7), ("3M", 31), ("All", 31)):
        within = ranges.preset_range(preset, today)
        kept = {day: counts for day, counts in by_day.items() if day in within}
        periods = operations.periods(kept, within)
        assert len(periods) <= most
        assert sum(period.counts.sent for period in periods) == len(kept)
