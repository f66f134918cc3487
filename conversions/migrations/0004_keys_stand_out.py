from django.db import migrations, models

# As PostgreSQL named them when the tables were partitioned; each goes with those of the months.
FORMER = """
DROP INDEX conversions_attribution_org_id_campaign_id_txn_at_idx;
DROP INDEX conversions_attribution_org_id_txn_id_idx;
DROP INDEX conversions_response_org_id_campaign_id_txn_at_idx;
DROP INDEX conversions_response_org_id_txn_id_idx;
"""


class Migration(migrations.Migration):
    """Beside the keys of derived rows, no index that begins with the org: it would look as good as the key."""

    dependencies = [("conversions", "0003_late_anchors")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(FORMER, migrations.RunSQL.noop)],
            state_operations=[
                migrations.RemoveIndex(model, f"{model}_by_{what}")
                for model in ("attribution", "response")
                for what in ("campaign", "transaction")
            ],
        ),
        *(
            migrations.AddIndex(model, models.Index(fields=fields, name=f"{model}_by_{what}"))
            for model in ("attribution", "response")
            for what, fields in (("campaign", ["campaign_id", "txn_at"]), ("transaction", ["txn_id"]))
        ),
        migrations.RemoveIndex("campaigncustomer", "campaign_customer_by_arm"),
        migrations.AddIndex(
            "campaigncustomer",
            models.Index(fields=["campaign_id", "arm"], name="campaign_customer_by_arm"),
        ),
    ]
