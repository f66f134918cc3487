from django.db import migrations

from engage.orgs.migration_ops import GrantRuntime, SecureTenant


class Migration(migrations.Migration):
    """Rights of the serving role, then the policy and the composite keys of every tenant table."""

    dependencies = [
        ("orgs", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        GrantRuntime(),
        SecureTenant("OrgSettings"),
        SecureTenant("OrgUnit"),
        SecureTenant("Role"),
        SecureTenant("Member"),
        SecureTenant("MemberRole"),
        SecureTenant("MemberUnit"),
        SecureTenant("Invitation"),
        SecureTenant("AuditHead"),
        SecureTenant("AuditEntry", append_only=True),
        SecureTenant("ApiKey"),
        SecureTenant("Job"),
        SecureTenant("Notice"),
    ]
