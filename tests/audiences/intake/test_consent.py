"""Consent, opt-outs that bind an address, and what deliveries teach about it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations, product
from typing import Any

import pytest
from django.db import connection

from audiences import consent, reachability
from audiences.consent import ContactEvent, Report
from audiences.contacts import address_key
from audiences.customers import reach
from audiences.intake import Kind, take
from audiences.models import Channel, Consent, ContactPoint, MessageClass, Subscription
from engage.orgs.models import AuditEntry, Org, OrgSettings, User
from tests.audiences.intake.asking import NOW, customer, customers, verdicts

MAIL = "shared@example.com"
KEY = address_key("email", MAIL)
DAY = timedelta(days=1)


def state(org: Org, external_id: str, channel: str = "email", message_class: str = "promotional") -> str:
    """The line of A-10 that applies, as every gate computes it."""
    settings = OrgSettings.objects.for_org(org).get()
    rows = reach(settings, customer(org, external_id).id)
    return next(row.state for row in rows if (row.channel, row.message_class) == (channel, message_class))


def said(org: Org, external_id: str, value: bool | None, at: datetime, source: str = "form") -> None:
    consent.record(org, customer(org, external_id).id, "email", "promotional", value, at, source)


@pytest.fixture
def pair(inside: Org) -> Org:
    """An org with two customers who share an e-mail address."""
    customers(inside, {"external_id": "C-1", "email": MAIL}, {"external_id": "C-2", "email": MAIL.upper()})
    return inside


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_newest_dated_fact_wins_in_any_order_of_arrival(inside: Org, order: tuple[int, ...]) -> None:
    """A-07, Q-23"""
    customers(inside, {"external_id": "C-1", "email": MAIL})
    facts = [(True, NOW), (None, NOW + DAY), (True, NOW + 2 * DAY)]
    for place in order:
        said(inside, "C-1", *facts[place])
    held = Subscription.objects.for_org(inside).get()
    assert (held.value, held.at) == (True, NOW + 2 * DAY)
    assert Consent.objects.for_org(inside).count() == 3


@pytest.mark.parametrize("first", [True, False])
def test_of_two_facts_with_one_date_the_no_wins(inside: Org, first: bool) -> None:
    """A-07"""
    customers(inside, {"external_id": "C-1"})
    said(inside, "C-1", first, NOW)
    said(inside, "C-1", not first, NOW, "letter")
    assert Subscription.objects.for_org(inside).get().value is False


def test_history_is_only_added_to_and_a_repeated_fact_is_kept_once(inside: Org) -> None:
    """A-07, Q-19"""
    customers(inside, {"external_id": "C-1"})
    for value in (True, True, False, False):
        said(inside, "C-1", value, NOW)
    history = Consent.objects.for_org(inside).order_by("value").values_list("value", flat=True)
    assert list(history) == ["no", "yes"]
    assert Subscription.objects.for_org(inside).get().value is False


def test_an_opt_out_binds_the_address_for_everybody_who_has_it(pair: Org) -> None:
    """A-08, Q-14"""
    assert (state(pair, "C-1"), state(pair, "C-2")) == ("unverified", "unverified")
    said(pair, "C-1", False, NOW)
    assert (state(pair, "C-1"), state(pair, "C-2")) == ("unsubscribed", "unsubscribed")
    assert state(pair, "C-2", message_class="service") == "unverified"
    customers(pair, {"external_id": "C-3", "email": MAIL})
    assert state(pair, "C-3") == "unsubscribed"


def test_an_opt_out_of_an_address_counts_after_the_customer_changed_it(pair: Org) -> None:
    """A-08, Q-15"""
    customers(pair, {"external_id": "C-1", "email": "new@example.com"})
    for _ in range(2):
        consent.opt_out_address(
            pair, channel="email", message_class="promotional", key=KEY, at=NOW, source="unsubscribe link",
            customer_id=customer(pair, "C-1").id,
        )  # fmt: skip
    assert (state(pair, "C-1"), state(pair, "C-2")) == ("unsubscribed", "unsubscribed")


def test_an_address_that_comes_after_its_owners_no_is_bound_too(inside: Org) -> None:
    """A-08"""
    customers(
        inside, {"external_id": "C-1", "email_promotional": "no"}, {"external_id": "C-2", "email": MAIL}
    )
    assert state(inside, "C-2") == "unverified"
    customers(inside, {"external_id": "C-1", "email": MAIL})
    assert state(inside, "C-2") == "unsubscribed"


def test_a_later_dated_yes_of_a_customer_lifts_the_opt_out_for_that_customer_only(pair: Org) -> None:
    """A-07, A-08"""
    said(pair, "C-1", False, NOW)
    said(pair, "C-2", True, NOW + DAY)
    assert (state(pair, "C-1"), state(pair, "C-2")) == ("unsubscribed", "subscribed")


@pytest.mark.parametrize(
    "again",
    [
        {"email": MAIL},
        {"email": MAIL, "email_promotional": "yes"},
        {"email": MAIL, "email_promotional": ""},
        {"email": MAIL, "email_promotional": "", "consent_at": "2026-12-01"},
        {"email": MAIL, "email_promotional": "yes", "consent_at": "2026-01-01"},
        {
            "email": MAIL,
            "email_promotional": "yes",
            "consent_at": "2026-01-01",
            "consent_source": "other shop",
        },
    ],
)
def test_an_opted_out_address_stays_suppressed_after_re_import(inside: Org, again: dict[str, Any]) -> None:
    """Q-17"""
    first = {"email": MAIL, "email_promotional": "yes", "consent_at": "2026-01-01"}
    customers(inside, {"external_id": "C-1", **first})
    assert state(inside, "C-1") == "subscribed"
    consent.opt_out_address(
        inside, channel="email", message_class="promotional", key=KEY, at=NOW, source="unsubscribe link",
        customer_id=customer(inside, "C-1").id,
    )  # fmt: skip
    later = NOW + 20 * DAY
    take(inside, Kind.CUSTOMERS, [{"external_id": "C-1", **again}], source="again", at=later)
    take(inside, Kind.CUSTOMERS, [{"external_id": "C-7", **again}], source="again", at=later)
    assert state(inside, "C-1") == "unsubscribed"
    if again.get("email_promotional") != "yes" or again.get("consent_at") == "2026-01-01":
        assert state(inside, "C-7") == "unsubscribed"


def test_consent_in_a_file_is_read_with_its_date_and_source(inside: Org) -> None:
    """A-07, A-12, A-13"""
    record = {
        "external_id": "C-1", "email_promotional": "yes", "sms_promotional": "no", "sms_service": "",
        "consent_at": "2026-03-01T10:30", "consent_source": "web form",
    }  # fmt: skip
    assert verdicts(customers(inside, record)) == ["created"]
    held = Consent.objects.for_org(inside).order_by("channel")
    at = datetime(2026, 3, 1, 5, 0, tzinfo=UTC)
    assert [(fact.channel, fact.value, fact.at, fact.source) for fact in held] == [
        ("email", "yes", at, "web form"), ("sms", "no", at, "web form"),
    ]  # fmt: skip
    assert verdicts(customers(inside, record)) == ["unchanged"]
    assert verdicts(customers(inside, {**record, "email_promotional": "no"})) == ["updated"]


def test_an_undated_yes_is_taken_where_nothing_was_said_and_an_empty_cell_takes_it_back(inside: Org) -> None:
    """A-07, A-13"""
    customers(inside, {"external_id": "C-1", "email_promotional": "yes"})
    assert Subscription.objects.for_org(inside).get().value is True
    later = take(
        inside, Kind.CUSTOMERS, [{"external_id": "C-1", "email_promotional": ""}], source="t", at=NOW + DAY
    )
    assert verdicts(later) == ["updated"]
    assert Subscription.objects.for_org(inside).get().value is None


@pytest.mark.parametrize(
    ("unset", "value", "contact", "expected"),
    [
        ("yes", None, "unproven", "unverified"),
        ("yes", None, "valid", "valid"),
        ("yes", True, "valid", "subscribed"),
        ("yes", True, "soft_bounced", "soft_bounced"),
        ("yes", True, "hard_bounced", "hard_bounced"),
        ("yes", False, "invalid", "invalid"),
        ("yes", False, "soft_bounced", "unsubscribed"),
        ("no", None, "valid", "unsubscribed"),
        ("no", True, "unproven", "subscribed"),
        ("double_opt_in", None, "valid", "unsubscribed"),
        ("yes", True, None, "unavailable"),
    ],
)
def test_the_first_line_that_applies_is_the_state(
    inside: Org, unset: str, value: bool | None, contact: str | None, expected: str
) -> None:
    """A-10"""
    OrgSettings.objects.for_org(inside).update(unset_promotional=unset)
    customers(inside, {"external_id": "C-1", **({"email": MAIL} if contact else {})})
    ContactPoint.objects.for_org(inside).update(state=contact or "unproven")
    if value is not None:
        said(inside, "C-1", value, NOW)
    assert state(inside, "C-1") == expected


def reports(*events: tuple[str, int]) -> list[tuple[str, datetime]]:
    return [(event, NOW + days * DAY) for event, days in events]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([("delivered", 1)], "valid"),
        ([("soft_bounced", 1)], "soft_bounced"),
        ([("soft_bounced", 1), ("delivered", 2)], "valid"),
        ([("hard_bounced", 1), ("delivered", 2)], "hard_bounced"),
        ([("invalid", 1), ("soft_bounced", 2)], "invalid"),
        ([("soft_bounced", n) for n in (1, 2, 3, 4, 5)], "soft_bounced"),
        ([("soft_bounced", n) for n in (1, 2, 3, 4, 8)], "hard_bounced"),
        ([("soft_bounced", n) for n in (1, 2, 3, 9)], "soft_bounced"),
        (
            [("soft_bounced", 1), ("delivered", 2), *[("soft_bounced", n) for n in (3, 4, 5, 9)]],
            "soft_bounced",
        ),
    ],
)
def test_reports_teach_what_an_address_is_worth(
    inside: Org, events: list[tuple[str, int]], expected: str
) -> None:
    """A-10, Q-23: one at a time, or all in one call in any order."""
    for place, name in enumerate(("C-1", "C-2")):
        customers(inside, {"external_id": name, "email": f"{place}@example.com"})
    one, two = customer(inside, "C-1").id, customer(inside, "C-2").id
    keys = [address_key("email", f"{place}@example.com") for place in (0, 1)]
    for event, at in reports(*events):
        consent.settle_contact(inside, one, "email", keys[0], event, at)
    consent.settle_contacts(
        inside, [Report(two, "email", keys[1], event, at) for event, at in reversed(reports(*events))]
    )
    assert set(ContactPoint.objects.for_org(inside).values_list("state", flat=True)) == {expected}


def test_a_report_that_is_late_or_of_a_former_address_changes_nothing(inside: Org) -> None:
    """A-10, Q-23"""
    customers(inside, {"external_id": "C-1", "email": MAIL})
    pk = customer(inside, "C-1").id
    consent.settle_contact(inside, pk, "email", KEY, ContactEvent.DELIVERED, NOW + 2 * DAY)
    consent.settle_contact(inside, pk, "email", KEY, ContactEvent.HARD_BOUNCED, NOW + DAY)
    consent.settle_contact(inside, pk, "email", KEY + 1, ContactEvent.HARD_BOUNCED, NOW + 3 * DAY)
    assert ContactPoint.objects.for_org(inside).get().state == "valid"


def test_staff_clear_addresses_by_file(pair: Org, admin: User) -> None:
    """A-11, T-31"""
    for name in ("C-1", "C-2"):
        consent.settle_contact(pair, customer(pair, name).id, "email", KEY, ContactEvent.HARD_BOUNCED, NOW)
    records = [
        {"address": MAIL, "reason": "they wrote to us"},
        {"address": MAIL, "reason": "again"},
        {"address": "nobody@example.com", "reason": "x"},
        {"address": MAIL, "reason": ""},
        {"address": "no address", "reason": "x"},
    ]
    answers = take(pair, Kind.CLEARINGS, records, source="t", at=NOW + DAY, by=admin)
    assert [row.code or row.verdict.value for row in answers.rows] == [
        "updated", "unchanged", "unknown_address", "missing", "malformed",
    ]  # fmt: skip
    assert (state(pair, "C-1"), state(pair, "C-2")) == ("unverified", "unverified")
    entries = AuditEntry.objects.for_org(pair).filter(action="contact.cleared")
    assert [(entry.actor_id, entry.reason) for entry in entries] == [(admin.pk, "they wrote to us")] * 2


def test_do_not_disturb_blocks_promotional_sms_and_nothing_else(inside: Org) -> None:
    """A-09, A-38: as the reason that every gate computes."""
    customers(
        inside, {"external_id": "C-1", "do_not_disturb": "yes", "email": MAIL, "phone": "+919812345670"}
    )
    assert reasons(inside) == {
        "email promotional": "", "email service": "", "sms promotional": "dnd", "sms service": "",
    }  # fmt: skip
    customers(inside, {"external_id": "C-1", "do_not_disturb": ""})
    assert set(reasons(inside).values()) == {""}


def reasons(org: Org) -> dict[str, str]:
    """Why the org's only customer would be skipped, by channel and class."""
    settings, found = OrgSettings.objects.for_org(org).get(), {}
    of_customers = f"FROM audiences_customer customer {reachability.JOINS} WHERE customer.org_id = %(org)s"
    sql = f"SELECT {reachability.REASON} {of_customers}"
    with connection.cursor() as cursor:
        for channel, message_class in product(Channel.values, MessageClass.values):
            cursor.execute(sql, reachability.parameters(settings, channel, message_class))
            found[f"{channel} {message_class}"] = cursor.fetchone()[0]
    return found
