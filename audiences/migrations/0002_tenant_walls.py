from django.db import migrations

from engage.orgs.migration_ops import PartitionByMonth, SecureTenant

# An org's first large import leaves the planner's statistics behind, and only an owner may ANALYZE before
# PostgreSQL 17.
ANALYZE = """
CREATE FUNCTION analyze_audiences(names text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY names LOOP
        IF name !~ '^audiences_[a-z]+(_[0-9]{6})?$' OR to_regclass('public.' || quote_ident(name)) IS NULL THEN
            RAISE EXCEPTION 'no such table %', name;
        END IF;
        EXECUTE format('ANALYZE public.%I', name);
    END LOOP;
END $$;
REVOKE ALL ON FUNCTION analyze_audiences(text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION analyze_audiences(text[]) TO runtime;
"""


class Migration(migrations.Migration):
    """Sequences, months, policies and composite keys of customers and what belongs to them."""

    dependencies = [("audiences", "0001_initial"), ("orgs", "0002_tenant_walls")]

    operations = [
        migrations.RunSQL(
            "CREATE SEQUENCE audiences_customer_id_seq; CREATE SEQUENCE audiences_transaction_id_seq;",
            "DROP SEQUENCE audiences_customer_id_seq; DROP SEQUENCE audiences_transaction_id_seq;",
        ),
        migrations.RunSQL(ANALYZE, "DROP FUNCTION analyze_audiences(text[]);"),
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
        # Written with its customer only; the check cost more than the row (docs/adr/0012).
        SecureTenant("ContactPoint"),
        SecureTenant("Consent", customer=True),
        SecureTenant("Subscription", customer=True),
        SecureTenant("AddressOptOut"),
        SecureTenant("Transaction", customer=True),
        # A line is written with its bill only, and the bill has the key to the customer (docs/adr/0012).
        SecureTenant("TransactionLine"),
        SecureTenant("WaitingTransaction"),
        SecureTenant("Audience", "AudienceVersion"),
        SecureTenant("FilterDraft"),
        SecureTenant("ListMember", customer=True),
    ]
