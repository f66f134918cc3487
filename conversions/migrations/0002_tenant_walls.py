from django.db import migrations

from engage.orgs.migration_ops import PartitionByMonth, SecureTenant


class Migration(migrations.Migration):
    """Months, policies and composite keys of goals and what attribution derives."""

    dependencies = [
        ("conversions", "0001_initial"),
        ("audiences", "0002_tenant_walls"),
        ("campaigns", "0002_tenant_walls"),
    ]

    operations = [
        PartitionByMonth("Attribution", "txn_at"),
        PartitionByMonth("Response", "txn_at"),
        SecureTenant("Goal"),
        SecureTenant("Attribution", customer=True),
        SecureTenant("Response", customer=True),
        SecureTenant("CampaignCustomer", customer=True),
        SecureTenant("ArmFigures"),
        SecureTenant("Span"),
        SecureTenant("Progress"),
    ]
