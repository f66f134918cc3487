from typing import Any

from django.db import migrations, models

from engage.orgs.migration_ops import unforced

# As conversions/sql/people.sql marks them; what comes is marked by each run.
MARK = """
UPDATE conversions_campaigncustomer p
SET late_run_on = late.run_on, late_at = late.at
FROM (
    SELECT d.org_id, d.customer_id, d.campaign_id, min(d.run_on) AS run_on, max(anchor.at) AS at
    FROM campaigns_delivery d
    CROSS JOIN LATERAL (
        SELECT CASE d.state WHEN 1 THEN greatest(d.sent_at, d.delivered_at, d.opened_at, d.clicked_at)
                            WHEN 5 THEN d.state_at END AS at
    ) AS anchor
    WHERE anchor.at >= (d.run_on + 7)::timestamp AT TIME ZONE 'UTC'
    GROUP BY d.org_id, d.customer_id, d.campaign_id
) AS late
WHERE p.org_id = late.org_id AND p.customer_id = late.customer_id AND p.campaign_id = late.campaign_id
"""


# As audiences and campaigns have: only an owner may ANALYZE before PostgreSQL 17.
ANALYZE = """
CREATE FUNCTION analyze_conversions(names text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY names LOOP
        IF name !~ '^conversions_[a-z]+(_[0-9]{6})?$' OR to_regclass('public.' || quote_ident(name)) IS NULL THEN
            RAISE EXCEPTION 'no such table %', name;
        END IF;
        EXECUTE format('ANALYZE public.%I', name);
    END LOOP;
END $$;
REVOKE ALL ON FUNCTION analyze_conversions(text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION analyze_conversions(text[]) TO runtime;
"""


def mark(apps: Any, schema_editor: Any) -> None:
    with unforced(schema_editor, ["conversions_campaigncustomer", "campaigns_delivery"]):
        schema_editor.execute(MARK, params=None)


class Migration(migrations.Migration):
    """Who was anchored so late that the windows of goals do not lead to their delivery; statistics of derived rows."""

    dependencies = [("conversions", "0002_tenant_walls"), ("campaigns", "0002_tenant_walls")]

    operations = [
        migrations.AddField("campaigncustomer", "late_run_on", models.DateField(null=True)),
        migrations.AddField("campaigncustomer", "late_at", models.DateTimeField(null=True)),
        migrations.RunPython(mark, migrations.RunPython.noop),
        migrations.AddIndex(
            "campaigncustomer",
            models.Index(
                fields=["org", "customer_id", "late_at"],
                name="campaign_customer_late",
                condition=models.Q(late_at__isnull=False),
            ),
        ),
        migrations.RunSQL(ANALYZE, "DROP FUNCTION analyze_conversions(text[]);"),
    ]
