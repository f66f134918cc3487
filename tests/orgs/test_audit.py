"""The trail: one entry a fact, and proof that nobody changed it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from threading import Thread

import pytest
from django.db import connection
from django.test import Client

from engage.orgs import audit
from engage.orgs.models import AuditEntry, Org, User
from engage.orgs.tenancy import org_context
from tests import factories
from tests.factories import NOW

Owner = Callable[[], AbstractContextManager[None]]


@pytest.mark.django_db
def test_entries_hold_who_what_where_before_after_and_why(inside: Org, admin: User) -> None:
    """T-31"""
    with audit.from_address("198.51.100.7"):
        entry = audit.record(
            inside,
            "unit.changed",
            by=admin,
            at=NOW,
            target=inside,
            before={"a": 1},
            after={"a": 2},
            reason="typo",
        )
    assert (entry.actor_name, entry.address, entry.before, entry.after, entry.reason) == (
        str(admin),
        "198.51.100.7",
        {"a": 1},
        {"a": 2},
        "typo",
    )
    assert audit.history(inside, inside).first() == entry


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("tamper", "problem"),
    [
        ("UPDATE orgs_auditentry SET reason = 'nothing happened' WHERE seq = 3", "entry 3 was changed"),
        ("DELETE FROM orgs_auditentry WHERE seq = 3", "entry 3 is missing"),
        ("UPDATE orgs_auditentry SET seq = seq + 100 WHERE seq = 4", "entry 4 is missing"),
        ("DELETE FROM orgs_auditentry WHERE seq >= 5", "entries after 4 were removed"),
    ],
)
def test_tampering_by_the_owner_of_the_database_is_found_and_located(
    org: Org, owner_role: Owner, tamper: str, problem: str
) -> None:
    """T-32, Q-24"""
    with org_context(org.pk):
        for number in range(5):
            audit.record(org, "test.happened", by=None, at=NOW, after={"n": number})
        assert audit.verify(org).bad_seq is None
    with owner_role(), org_context(org.pk), connection.cursor() as cursor:
        cursor.execute(tamper)
    with org_context(org.pk):
        assert problem in audit.verify(org).problem


@pytest.mark.django_db(transaction=True)
def test_simultaneous_writers_make_one_chain(org: Org) -> None:
    """T-32, Q-24"""

    def write() -> None:
        for _ in range(5):
            with org_context(org.pk):
                audit.record(org, "test.raced", by=None, at=NOW)
        connection.close()

    writers = [Thread(target=write) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    with org_context(org.pk):
        verdict = audit.verify(org)
        assert verdict.bad_seq is None
        assert AuditEntry.objects.for_org(org).filter(action="test.raced").count() == 20


@pytest.mark.django_db
def test_the_log_is_filtered_by_actor_object_action_and_time(org: Org, admin: User, client: Client) -> None:
    """T-32, T-33"""
    with org_context(org.pk):
        audit.record(org, "unit.changed", by=admin, at=NOW, target=org)
        audit.record(org, "switch.turned", by=None, at=NOW)
    client.force_login(admin)
    page = f"/o/{org.slug}/settings/audit/"

    def shown(query: str) -> str:
        return client.get(f"{page}?{query}").content.decode()

    assert "unit.changed" in shown(f"actor={admin.name}") and "switch.turned" not in shown(
        f"actor={admin.name}"
    )
    assert "switch.turned" in shown("action=switch") and "unit.changed" not in shown("action=switch")
    assert "unit.changed" in shown(f"object={org.name}") and "switch.turned" not in shown(
        f"object={org.name}"
    )
    assert "No entry matches" in shown("until=2026-11-23")
    assert "The chain is whole" in client.post(f"{page}verify/", follow=True).content.decode()


@pytest.mark.django_db
def test_reading_the_log_needs_its_right(org: Org, client: Client) -> None:
    """T-32"""
    client.force_login(factories.member(org, "marketer"))
    assert client.get(f"/o/{org.slug}/settings/audit/").status_code == 403
