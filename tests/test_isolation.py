"""The walls, asked of the database's own catalogue."""

from __future__ import annotations

from datetime import date

import pytest
from django.apps import apps
from django.db import DataError, ProgrammingError, connection, models, transaction

from audiences.models import Audience, Store
from engage.orgs import months
from engage.orgs.checks import refuse_powerful_role
from engage.orgs.models import Org, OrgUnit
from engage.orgs.tenancy import WITHOUT_POLICY, WrongOrg, org_context

pytestmark = pytest.mark.django_db


def _tables(sql: str) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return {row[0] for row in cursor.fetchall()}


def test_every_table_has_a_forced_policy_or_stands_in_the_one_list() -> None:
    """T-01, Q-10"""
    every = _tables(
        "SELECT relname FROM pg_class WHERE relkind IN ('r','p') AND relnamespace = 'public'::regnamespace"
    )
    forced = _tables(
        "SELECT c.relname FROM pg_class c JOIN pg_policy p ON p.polrelid = c.oid "
        "WHERE c.relrowsecurity AND c.relforcerowsecurity"
    )
    assert every - forced == WITHOUT_POLICY
    assert not forced & WITHOUT_POLICY


def test_every_reference_between_tenant_tables_holds_the_org() -> None:
    """Q-09: PostgreSQL checks foreign keys past policies, so a plain one would let a tenant point at another's row."""
    plain = _tables(
        "SELECT c.conrelid::regclass || '.' || c.conname FROM pg_constraint c "
        "JOIN pg_class t ON t.oid = c.conrelid JOIN pg_class f ON f.oid = c.confrelid "
        "WHERE c.contype = 'f' AND t.relforcerowsecurity AND f.relforcerowsecurity AND array_length(c.conkey, 1) < 2"
    )
    assert plain == set()


def test_a_query_outside_a_context_is_refused_not_empty(org: Org) -> None:
    """Q-10"""
    with pytest.raises((DataError, ProgrammingError)), transaction.atomic():
        list(Audience.objects.all())


def test_another_orgs_rows_cannot_be_seen_or_written_even_without_for_org(org: Org, other_org: Org) -> None:
    """T-01, Q-09, Q-10"""
    with org_context(other_org.pk):
        theirs = Store.objects.create(org=other_org, code="S1", name="Theirs")
    with org_context(org.pk):
        assert not Store.objects.filter(pk=theirs.pk).exists()
        assert Store.objects.filter(pk=theirs.pk).update(name="Ours") == 0
        with pytest.raises(ProgrammingError), transaction.atomic():
            Store.objects.create(org=other_org, code="S2", name="Smuggled")


def test_another_org_inside_a_context_is_an_error(org: Org, other_org: Org) -> None:
    """Q-10"""
    with org_context(org.pk), pytest.raises(WrongOrg), org_context(other_org.pk):
        pass


def test_leaving_a_context_closes_it(org: Org) -> None:
    """Q-10"""
    with org_context(org.pk):
        assert list(OrgUnit.objects.for_org(org)) is not None
    with pytest.raises((DataError, ProgrammingError)), transaction.atomic():
        list(OrgUnit.objects.all())


@pytest.mark.parametrize(
    "statement",
    ["TRUNCATE orgs_notice", "UPDATE orgs_auditentry SET reason = 'x'", "DELETE FROM orgs_auditentry"],
)
def test_the_serving_role_bypasses_nothing(inside: Org, statement: str) -> None:
    """Q-10, T-32"""
    refuse_powerful_role()
    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


def test_a_month_made_while_running_has_the_same_walls(inside: Org) -> None:
    """Q-10"""
    months.ensure("campaigns_delivery", [date(2031, 3, 5), date(2031, 3, 9)])
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relrowsecurity AND relforcerowsecurity FROM pg_class WHERE relname = 'campaigns_delivery_203103'"
        )
        assert cursor.fetchall() == [(True,)]


def test_every_tenant_model_offers_for_org() -> None:
    """T-01"""
    tenant = [
        model
        for model in apps.get_models()
        if model._meta.db_table not in WITHOUT_POLICY and any(f.name == "org" for f in model._meta.fields)
    ]
    assert len(tenant) > 30
    for model in tenant:
        assert hasattr(model.objects, "for_org"), model  # type: ignore[attr-defined]
        assert isinstance(model._meta.get_field("org"), models.ForeignKey)
