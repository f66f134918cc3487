from django.db import migrations

from engage.orgs.migration_ops import SecureTenant


class Migration(migrations.Migration):
    """Policy of the roll-ups."""

    dependencies = [("reporting", "0001_initial"), ("conversions", "0002_tenant_walls")]

    operations = [SecureTenant("StripFigures")]
