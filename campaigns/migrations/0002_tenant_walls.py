from django.db import migrations

from engage.orgs.migration_ops import PartitionByMonth, SecureTenant


class Migration(migrations.Migration):
    """Months, policies and composite keys of campaigns, messages, runs and the ledger."""

    dependencies = [
        ("campaigns", "0001_initial"),
        ("audiences", "0002_tenant_walls"),
        ("channels", "0002_tenant_walls"),
    ]

    operations = [
        migrations.RunSQL("CREATE SEQUENCE campaigns_tally_id_seq;", "DROP SEQUENCE campaigns_tally_id_seq;"),
        PartitionByMonth("Recipient", "run_on"),
        PartitionByMonth("Delivery", "run_on"),
        PartitionByMonth("DeliveryEvent", "event_on"),
        SecureTenant("Campaign", "Message", "MessageVersion", "Run"),
        SecureTenant("MessageAudience"),
        SecureTenant("MessageContent"),
        SecureTenant("MessageEdit"),
        SecureTenant("Link"),
        SecureTenant("TestSend"),
        SecureTenant("Occurrence"),
        SecureTenant("Recipient"),
        SecureTenant("Chunk"),
        SecureTenant("Retry"),
        SecureTenant("Tally"),
        SecureTenant("Allowance"),
        SecureTenant("Delivery"),
        SecureTenant("DeliveryEvent"),
        SecureTenant("ParkedReceipt"),
    ]
