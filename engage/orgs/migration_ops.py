"""Migration operations that give tenant tables their walls.

They run as `owner`. A forced policy raises for the owner too, also while a foreign key is added or validated, so
constraints are made inside `unforced(…)`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from engage.orgs.fields import TenantForeignKey

RUNTIME = "runtime"

POLICY = """
ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON {table}
    USING (org_id = current_setting('app.org_id')::bigint)
    WITH CHECK (org_id = current_setting('app.org_id')::bigint);
"""

# Months are made by a function of the owner, because the runtime role may create nothing. The table is made apart
# and attached: that takes a lock which running sends do not mind.
MAKE_MONTH = """
CREATE OR REPLACE FUNCTION make_month(parent text, day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    first date := date_trunc('month', day)::date;
    child text := format('%s_%s', parent, to_char(first, 'YYYYMM'));
    bound text := coalesce(current_setting('app.org_id', true), '');
BEGIN
    IF NOT EXISTS (SELECT FROM pg_partitioned_table p JOIN pg_class c ON c.oid = p.partrelid
                   WHERE c.relname = parent AND c.relnamespace = 'public'::regnamespace) THEN
        RAISE EXCEPTION 'no partitioned table %', parent;
    END IF;
    -- Asked of the table, not of `to_regclass`: its cache may still say no after the lock was waited for.
    IF EXISTS (SELECT FROM pg_class WHERE relname = child AND relnamespace = 'public'::regnamespace) THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('make_month:' || child, 0));
    IF EXISTS (SELECT FROM pg_class WHERE relname = child AND relnamespace = 'public'::regnamespace) THEN
        RETURN;
    END IF;
    -- The attached keys are checked under the policies of what they point at; no row is read.
    IF bound = '' THEN PERFORM set_config('app.org_id', '0', true); END IF;
    EXECUTE format('CREATE TABLE public.%I (LIKE public.%I INCLUDING ALL)', child, parent);
    EXECUTE format('ALTER TABLE public.%I ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
                   parent, child, first, (first + interval '1 month')::date);
    EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', child);
    EXECUTE format('ALTER TABLE public.%I FORCE ROW LEVEL SECURITY', child);
    EXECUTE format('CREATE POLICY tenant ON public.%I USING (org_id = current_setting(''app.org_id'')::bigint) '
                   'WITH CHECK (org_id = current_setting(''app.org_id'')::bigint)', child);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON public.%I TO runtime', child);
    PERFORM set_config('app.org_id', bound, true);
END $$;
REVOKE ALL ON FUNCTION make_month(text, date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION make_month(text, date) TO runtime;
"""

GRANTS = """
GRANT USAGE ON SCHEMA public TO runtime;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO runtime;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO runtime;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO runtime;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO runtime;
REVOKE ALL ON django_migrations FROM runtime;
GRANT SELECT ON django_migrations TO runtime;
"""


@contextmanager
def unforced(schema_editor: BaseDatabaseSchemaEditor, tables: Iterable[str]) -> Iterator[None]:
    """Let the owner past the policies of `tables` for the work inside, in the migration's own transaction."""
    forced = []
    with schema_editor.connection.cursor() as cursor:
        for table in sorted(set(tables)):
            cursor.execute("SELECT relforcerowsecurity FROM pg_class WHERE oid = to_regclass(%s)", [table])
            row = cursor.fetchone()
            if row and row[0]:
                forced.append(table)
    for table in forced:
        schema_editor.execute(f"ALTER TABLE {schema_editor.quote_name(table)} NO FORCE ROW LEVEL SECURITY")
    yield
    for table in forced:
        schema_editor.execute(f"ALTER TABLE {schema_editor.quote_name(table)} FORCE ROW LEVEL SECURITY")


class _ForwardOnly(Operation):
    """Schema work beside the models: no change of state, undone by dropping the table."""

    reduces_to_sql = True
    reversible = True

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        return None

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        return None


class GrantRuntime(_ForwardOnly):
    """Give the serving role its rights on every table, also those made later, and the month function."""

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        schema_editor.execute(GRANTS, params=None)
        schema_editor.execute(MAKE_MONTH, params=None)

    def describe(self) -> str:
        return "Rights of the runtime role, and the function that makes months"


class PartitionByMonth(_ForwardOnly):
    """Turn a new, empty table into one partitioned by month of `column`, without any month yet."""

    def __init__(self, model: str, column: str) -> None:
        self.model = model
        self.column = column

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        quote = schema_editor.quote_name
        table = to_state.apps.get_model(app_label, self.model)._meta.db_table
        plain = f"{table}_plain"
        schema_editor.execute(f"ALTER TABLE {quote(table)} RENAME TO {quote(plain)}")
        schema_editor.execute(
            f"CREATE TABLE {quote(table)} (LIKE {quote(plain)} INCLUDING ALL) "
            f"PARTITION BY RANGE ({quote(self.column)})"
        )
        schema_editor.execute(f"DROP TABLE {quote(plain)}")

    def describe(self) -> str:
        return f"Partition {self.model} by month of {self.column}"


class SecureTenant(_ForwardOnly):
    """Give tenant tables their policy and their composite foreign keys.

    Tables that point at each other stand in one operation. `customer=True` also adds
    `(org_id, customer_id) → audiences_customer`, for the big tables that have one; `append_only=True` takes UPDATE and
    DELETE from the serving role.
    """

    def __init__(self, *names: str, customer: bool = False, append_only: bool = False) -> None:
        self.names = names
        self.customer = customer
        self.append_only = append_only

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return "SecureTenant", list(self.names), {"customer": self.customer, "append_only": self.append_only}

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        models_ = [to_state.apps.get_model(app_label, name) for name in self.names]
        quote = schema_editor.quote_name
        for model in models_:
            if isinstance(model._meta.pk, models.BigAutoField):
                table = model._meta.db_table
                schema_editor.execute(
                    f"ALTER TABLE {quote(table)} ADD CONSTRAINT {quote(table + '_org_id_id')} UNIQUE (org_id, id)"
                )
        for model in models_:
            self._finish(schema_editor, model._meta.db_table)
            self._reference(schema_editor, model)
        for model in models_:
            table = model._meta.db_table
            schema_editor.execute(POLICY.format(table=quote(table)), params=None)
            if self.append_only:
                schema_editor.execute(f"REVOKE UPDATE, DELETE ON {quote(table)} FROM {RUNTIME}")

    def _finish(self, schema_editor: Any, table: str) -> None:
        """A table that this migration made gets its plain keys now: its policy would refuse their check at the end."""
        waiting = [sql for sql in schema_editor.deferred_sql if sql.references_table(table)]
        for sql in waiting:
            schema_editor.execute(sql, params=None)
            schema_editor.deferred_sql.remove(sql)

    def _reference(self, schema_editor: Any, model: type[models.Model]) -> None:
        quote = schema_editor.quote_name
        table = model._meta.db_table
        references = [
            (field.column, field.related_model._meta.db_table)
            for field in model._meta.local_fields
            if isinstance(field, TenantForeignKey) and isinstance(field.related_model, type)
        ]
        if self.customer:
            references.append(("customer_id", "audiences_customer"))
        with unforced(schema_editor, [target for _, target in references]):
            for column, target in references:
                name = quote(f"{table}_{column}_tenant"[:63])
                schema_editor.execute(
                    f"ALTER TABLE {quote(table)} ADD CONSTRAINT {name} FOREIGN KEY (org_id, {quote(column)}) "
                    f"REFERENCES {quote(target)} (org_id, id)"
                )

    def describe(self) -> str:
        return f"Policy and composite foreign keys of {', '.join(self.names)}"


__all__ = ["GrantRuntime", "PartitionByMonth", "SecureTenant", "unforced"]
