from django.db import migrations

from engage.orgs.migration_ops import SecureTenant


class Migration(migrations.Migration):
    """Policy and composite keys of senders and reply words."""

    dependencies = [("channels", "0001_initial"), ("orgs", "0002_tenant_walls")]

    operations = [SecureTenant("Sender"), SecureTenant("ReplyWords")]
