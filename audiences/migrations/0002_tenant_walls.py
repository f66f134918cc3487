from django.db import migrations

from engage.orgs.migration_ops import PartitionByMonth, SecureTenant


class Migration(migrations.Migration):
    """Sequences, months, policies and composite keys of customers and what belongs to them."""

    dependencies = [("audiences", "0001_initial"), ("orgs", "0002_tenant_walls")]

    operations = [
        migrations.RunSQL(
            "CREATE SEQUENCE audiences_customer_id_seq; CREATE SEQUENCE audiences_transaction_id_seq;",
            "DROP SEQUENCE audiences_customer_id_seq; DROP SEQUENCE audiences_transaction_id_seq;",
        ),
        PartitionByMonth("Transaction", "txn_at"),
        PartitionByMonth("TransactionLine", "txn_at"),
        SecureTenant("Zone"),
        SecureTenant("Store"),
        SecureTenant("Category"),
        SecureTenant("Product"),
        SecureTenant("Customer"),
        SecureTenant("ExternalRef"),
        SecureTenant("AddressRef"),
        SecureTenant("CustomerUnit", customer=True),
        SecureTenant("Profile", customer=True),
        SecureTenant("Attribute"),
        SecureTenant("AttributeValue", customer=True),
        SecureTenant("ContactPoint", customer=True),
        SecureTenant("Consent", customer=True),
        SecureTenant("Subscription", customer=True),
        SecureTenant("AddressOptOut"),
        SecureTenant("Transaction", customer=True),
        SecureTenant("TransactionLine", customer=True),
        SecureTenant("WaitingTransaction"),
        SecureTenant("Audience", "AudienceVersion"),
        SecureTenant("ListMember", customer=True),
    ]
