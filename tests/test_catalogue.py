"""Keys and constraints as the database has them: what keeps tenants apart, and what lets tables spread over nodes.

The big tables would be distributed by customer, those of a run by run; what PostgreSQL takes and a distributed database
refuses is refused here first (docs/adr has why).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, models

from audiences.models import Customer
from audiences.models.base import OfCustomer
from campaigns.models import Chunk, Recipient, Retry, Tally
from engage.orgs.fields import TenantForeignKey
from engage.orgs.tenancy import WITHOUT_POLICY

pytestmark = pytest.mark.django_db

# Every unique index of an ordinary or partitioned table, its columns in order.
UNIQUE = """
SELECT t.relname, array(SELECT a.attname FROM unnest(i.indkey::int2[]) WITH ORDINALITY k (n, place)
                        JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.n ORDER BY place)::text[]
FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid
WHERE i.indisunique AND NOT t.relispartition AND t.relnamespace = 'public'::regnamespace
"""
# Every foreign key: (table, its columns, target, its columns, what a delete does).
FOREIGN = """
SELECT s.relname,
       array(SELECT a.attname FROM unnest(c.conkey) WITH ORDINALITY k (n, place)
             JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.n ORDER BY place)::text[],
       t.relname,
       array(SELECT a.attname FROM unnest(c.confkey) WITH ORDINALITY k (n, place)
             JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.n ORDER BY place)::text[],
       c.confdeltype
FROM pg_constraint c JOIN pg_class s ON s.oid = c.conrelid JOIN pg_class t ON t.oid = c.confrelid
WHERE c.contype = 'f' AND NOT s.relispartition
"""


def rows(sql: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def tenant_models() -> Iterator[type[models.Model]]:
    for model in apps.get_models(include_auto_created=True):
        if model._meta.db_table not in WITHOUT_POLICY and any(f.name == "org" for f in model._meta.fields):
            yield model


def spread() -> dict[str, str]:
    """Table → the column that it would be distributed by."""
    found = {model._meta.db_table: "run_id" for model in (Recipient, Chunk, Retry, Tally)}
    found |= {m._meta.db_table: "customer_id" for m in apps.get_models() if issubclass(m, OfCustomer)}
    assert len(found) > 12
    return found | {Customer._meta.db_table: "id"}


def test_every_unique_key_of_a_tenant_table_holds_the_org() -> None:
    """T-01, Q-09: two orgs never meet in a key. A small table's own number is drawn from a sequence (decisions 1)."""
    tenant = {model._meta.db_table for model in tenant_models()}
    keys = [(table, columns) for table, columns in rows(UNIQUE) if table in tenant]
    assert len(keys) > len(tenant) > 40
    assert [key for key in keys if "org_id" not in key[1] and key[1] != ["id"]] == []


def test_every_key_of_a_big_table_holds_what_it_would_be_distributed_by() -> None:
    """Issue 2: the keys cannot be mended later"""
    column = spread()
    keys = [(table, columns) for table, columns in rows(UNIQUE) if table in column]
    assert {table for table, _ in keys} == set(column)
    assert [key for key in keys if not {"org_id", column[key[0]]} <= set(key[1])] == []


def test_every_reference_between_tenant_rows_is_a_composite_key_of_the_database() -> None:
    """Q-09: the models ask for none by themselves, so a forgotten one would be missed by nobody."""
    stored = {(table, *columns, target, *there) for table, columns, target, there, _ in rows(FOREIGN)}
    wanted = {
        (model._meta.db_table, "org_id", field.column, field.related_model._meta.db_table, "org_id", "id")
        for model in tenant_models()
        for field in model._meta.local_fields
        if isinstance(field, TenantForeignKey) and isinstance(field.related_model, type)
    }
    assert len(wanted) > 30
    assert wanted - stored == set()


def test_no_reference_leads_from_one_tenants_rows_to_anothers() -> None:
    """Q-09: PostgreSQL checks foreign keys past policies."""
    tenant = {model._meta.db_table for model in tenant_models()}
    wrong = [
        (table, columns, target)
        for table, columns, target, there, _ in rows(FOREIGN)
        if {table, target} <= tenant
        and ("org_id" not in columns or there[columns.index("org_id")] != "org_id")
    ]
    assert wrong == []


def test_nothing_that_a_distributed_table_cannot_have() -> None:
    """Issue 2: references meet in the distributed column, no SET NULL on a key, no trigger, one level of months"""
    column = spread()
    apart, loose = [], []
    for table, columns, target, there, on_delete in rows(FOREIGN):
        if table in column and target in column:
            here = columns.index(column[table]) if column[table] in columns else -1
            if here < 0 or there[here] != column[target]:
                apart.append((table, columns, target))
        if table in column and on_delete in {"n", "d"} and column[table] in columns:
            loose.append((table, columns))
        if table not in column and target in column:
            apart.append((table, columns, target))
    assert (apart, loose) == ([], [])
    triggers = rows("SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE NOT tgisinternal")
    assert triggers == []
    nested = rows(
        "SELECT p.relname FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhrelid WHERE p.relkind = 'p'"
    )
    assert nested == []
    types = rows(
        "SELECT t.relname, a.attname, a.atttypid::regtype::text, a.attnotnull FROM pg_class t "
        "JOIN pg_attribute a ON a.attrelid = t.oid WHERE t.relkind IN ('r', 'p') AND NOT t.relispartition "
        "AND t.relnamespace = 'public'::regnamespace AND a.attnum > 0"
    )
    wrong = [row for row in types if column.get(row[0]) == row[1] and row[2:] != ("bigint", True)]
    assert wrong == []


def test_every_month_has_the_policy_of_its_table() -> None:
    """Q-10"""
    bare = rows(
        "SELECT c.relname FROM pg_class c WHERE c.relispartition AND c.relkind = 'r' "
        "AND NOT (c.relrowsecurity AND c.relforcerowsecurity "
        "         AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid))"
    )
    assert bare == []


def test_every_policy_binds_strictly_to_the_org_of_the_context_for_reading_and_writing() -> None:
    """Q-10: a lenient one would hide rows where it should refuse, and an empty opt-out list means everybody."""
    policies = rows(
        "SELECT c.relname, pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid), p.polcmd, "
        "p.polpermissive FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid"
    )
    strict = "(org_id = (current_setting('app.org_id'::text))::bigint)"
    assert len(policies) > 50
    assert [row for row in policies if row[1:] != (strict, strict, "*", True)] == []
