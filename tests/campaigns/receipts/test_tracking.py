"""Opens and clicks at our own doors."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from campaigns.models import Campaign, Delivery, ParkedReceipt, Recipient, Run
from campaigns.receipts import parked
from channels.tokens import HIDDEN_LINK, link_token, open_token, unsubscribe_token
from engage.orgs.models import Org
from engage.orgs.tenancy import org_context
from tests.campaigns.receipts.ledgers import Ledger, ledger_of

PERSON = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
CONTENT = {
    "subject": "News",
    "preview": "",
    "html": '<p><a href="https://shop.example/new?a=1&amp;b=%20x#top">One</a> '
    '<a href="https://shop.example/for/{{ customer.city | default: "all" }}">Two</a></p>'
    '<p><a href="{{ unsubscribe }}">Unsubscribe</a></p>',
    "text": "",
}


@pytest.fixture
def ledger(org: Org) -> Ledger:
    with org_context(org.pk):
        return ledger_of(org, content=CONTENT)


def get(path: str, agent: str = PERSON, **headers: str) -> Any:
    return Client().get(path, headers={"User-Agent": agent, **headers})


def click_path(ledger: Ledger, link: int = 0, seq: int = 1) -> str:
    return f"/c/{link_token(ledger.signer().sign(ledger.people[seq], seq), link).decode()}"


def open_path(ledger: Ledger, seq: int = 1) -> str:
    return f"/o/{open_token(ledger.signer().sign(ledger.people[seq], seq)).decode()}"


def row(ledger: Ledger) -> Delivery:
    with org_context(ledger.org.pk):
        return ledger.row()


def test_a_click_leads_to_the_exact_target(ledger: Ledger) -> None:
    """H-20"""
    answer = get(click_path(ledger))
    assert answer.status_code == 302
    assert answer["Location"] == "https://shop.example/new?a=1&b=%20x#top"
    assert "no-store" in answer["Cache-Control"]
    assert not answer.cookies


def test_a_targets_tags_have_the_values_that_were_frozen(ledger: Ledger) -> None:
    """H-20, H-06"""
    with org_context(ledger.org.pk):
        Recipient.objects.for_org(ledger.org).filter(run_id=ledger.run.pk).update(values=["Pune & more"])
    assert get(click_path(ledger, 1))["Location"] == "https://shop.example/for/Pune%20%26%20more"


def test_analytics_values_are_added_where_they_are_missing(org: Org) -> None:
    """H-23"""
    with org_context(org.pk):
        ledger = ledger_of(org, content=CONTENT, campaign={"analytics_campaign": "Spring 26"})
    location = get(click_path(ledger))["Location"]
    assert location.startswith("https://shop.example/new?a=1&b=%20x&utm_source=engage&utm_medium=email")
    assert "utm_campaign=spring_26" in location
    assert location.endswith("#top")


def test_a_click_by_a_person_is_an_open_and_a_delivery(ledger: Ledger) -> None:
    """M-14, H-36, G-16"""
    get(click_path(ledger))
    found = row(ledger)
    assert found.clicked_at == found.opened_at == found.delivered_at
    assert found.outcome == Delivery.Outcome.DELIVERED
    with org_context(ledger.org.pk):
        progress = ledger.progress()
        assert (progress.delivered, progress.opened, progress.clicked) == (1, 1, 1)
        assert ledger.findings() == []
        assert ledger.events()[0].link == 0


def test_an_open_is_noted_and_answered_with_a_picture(ledger: Ledger) -> None:
    """M-14, H-24"""
    answer = get(open_path(ledger))
    assert answer["Content-Type"] == "image/gif"
    assert "no-store" in answer["Cache-Control"]
    assert row(ledger).opened_at is not None
    assert row(ledger).clicked_at is None


@pytest.mark.parametrize(
    ("agent", "headers"),
    [
        ("", {}),
        ("curl/8.5", {}),
        ("Mozilla/5.0", {}),
        (PERSON, {"Sec-Purpose": "prefetch;prerender"}),
        (PERSON, {"Purpose": "preview"}),
        ("Mozilla/5.0 (compatible; BingPreview/1.0b)", {}),
    ],
)
def test_a_machine_is_marked_and_anchors_nothing(ledger: Ledger, agent: str, headers: dict[str, str]) -> None:
    """H-24, M-15, G-16"""
    assert get(click_path(ledger), agent, **headers).status_code == 302
    assert get(open_path(ledger), agent, **headers).status_code == 200
    found = row(ledger)
    assert (found.opened_at, found.clicked_at, found.outcome) == (None, None, Delivery.Outcome.IN_FLIGHT)
    with org_context(ledger.org.pk):
        assert [event.machine for event in ledger.events()] == [True, True]
        assert ledger.progress().opened == 0


def test_head_is_a_machine(ledger: Ledger) -> None:
    """H-24, Q-15"""
    answer = Client().head(click_path(ledger), headers={"User-Agent": PERSON})
    assert answer.status_code == 302
    assert row(ledger).clicked_at is None


def test_the_hidden_link_shows_a_machine(ledger: Ledger) -> None:
    """H-24"""
    assert get(click_path(ledger, HIDDEN_LINK)).status_code == 404
    with org_context(ledger.org.pk):
        assert [(event.link, event.machine) for event in ledger.events()] == [(HIDDEN_LINK, True)]


def test_all_links_within_two_seconds_were_no_person(ledger: Ledger) -> None:
    """H-24, M-15: the burst shows with its last click, and takes back what the first had counted for."""
    get(click_path(ledger, 0))
    assert row(ledger).clicked_at is not None
    get(click_path(ledger, 1))
    found = row(ledger)
    assert (found.clicked_at, found.opened_at) == (None, None)
    with org_context(ledger.org.pk):
        assert [event.machine for event in ledger.events()] == [True, True]
        assert ledger.progress().clicked == 0
        assert ledger.findings() == []


@pytest.mark.parametrize("change", ["altered", "cut", "another link", "of another purpose", "nonsense"])
def test_an_unknown_or_altered_link_is_not_found(ledger: Ledger, change: str) -> None:
    """H-20, H-22"""
    path = click_path(ledger)
    signed = ledger.signer().sign(ledger.people[1], 1)
    changed = {
        "altered": path[:-1] + ("A" if path[-1] != "A" else "B"),
        "cut": path[:-3],
        "another link": f"/c/{link_token(signed, 7).decode()}",
        "of another purpose": f"/c/{open_token(signed).decode()}",
        "nonsense": "/c/ü",
    }[change]
    assert get(changed).status_code == 404
    assert get(f"/o/{unsubscribe_token(signed).decode()}").status_code == 404
    assert row(ledger).opened_at is None


def test_a_link_works_when_everything_is_over(ledger: Ledger) -> None:
    """H-17, H-20"""
    with org_context(ledger.org.pk):
        Run.objects.for_org(ledger.org).update(status=Run.Status.STOPPED)
        Campaign.objects.for_org(ledger.org).update(
            archived_at=timezone.now(), end_on=timezone.now() - timedelta(days=9)
        )
    assert get(click_path(ledger)).status_code == 302


def test_a_click_before_the_ledger_row_is_kept_for_it(org: Org) -> None:
    """H-35: the lane's commit may be seconds away."""
    with org_context(org.pk):
        ledger = ledger_of(org, sent=False, content=CONTENT)
    assert get(click_path(ledger)).status_code == 302
    with org_context(org.pk):
        assert ParkedReceipt.objects.for_org(org).count() == 1
        ledger.append(1)
        assert parked.match(org.pk, at=timezone.now()) == 1
        assert ledger.row().clicked_at is not None


def test_repeated_looks_are_one_open(ledger: Ledger) -> None:
    """M-14: unique opens are rows."""
    for _ in range(3):
        get(open_path(ledger))
    with org_context(ledger.org.pk):
        assert ledger.progress().opened == 1
        assert ledger.findings() == []


def test_a_simulated_runs_visits_are_dated_as_the_run_is(ledger: Ledger) -> None:
    """decisions 27"""
    shift = timedelta(days=30)
    with org_context(ledger.org.pk):
        Run.objects.for_org(ledger.org).filter(pk=ledger.run.pk).update(
            simulated=True, clock_shift=int(shift.total_seconds())
        )
    before = timezone.now()
    get(open_path(ledger))
    opened_at = row(ledger).opened_at
    assert opened_at is not None
    assert before + shift <= opened_at <= timezone.now() + shift


def test_a_click_costs_the_same_few_statements_whatever_the_audience(
    org: Org, django_assert_max_num_queries: Any
) -> None:
    """Q-34"""
    with org_context(org.pk):
        ledger = ledger_of(org, 12, content=CONTENT)
    get(click_path(ledger, 0, 1))
    with django_assert_max_num_queries(22):
        get(click_path(ledger, 0, 2))
