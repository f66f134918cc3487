from django.db import migrations, models
from django.db.models import Q, deletion

from engage.orgs.fields import TenantForeignKey
from engage.orgs.migration_ops import SecureTenant


class Migration(migrations.Migration):
    """Brand groups beside the test contacts, and the copies that their members get (C-15, T-27)."""

    dependencies = [("campaigns", "0003_throttle")]

    operations = [
        migrations.AddField(
            model_name="testcontact",
            name="purpose",
            field=models.CharField(
                choices=[("test", "Tests"), ("copy", "Copies of what is sent")], default="test", max_length=4
            ),
        ),
        migrations.RemoveConstraint(model_name="testcontact", name="test_contact_once"),
        migrations.AddConstraint(
            model_name="testcontact",
            constraint=models.UniqueConstraint(
                condition=Q(("purpose", "test")),
                fields=("org", "channel", "address"),
                name="test_contact_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="testcontact",
            constraint=models.UniqueConstraint(
                condition=Q(("purpose", "copy")),
                fields=("org", "group", "channel", "address"),
                name="brand_contact_once_in_group",
            ),
        ),
        migrations.AddField(
            model_name="message",
            name="copy_group",
            field=models.CharField(
                blank=True,
                default="",
                help_text="The brand group whose members get a copy (C-15)",
                max_length=40,
            ),
            preserve_default=False,
        ),
        migrations.CreateModel(
            name="BrandCopy",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("address", models.CharField(max_length=254)),
                ("begun_at", models.DateTimeField(blank=True, null=True)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                (
                    "result",
                    models.CharField(
                        blank=True, help_text="Why it was not taken; empty: it was", max_length=300
                    ),
                ),
                (
                    "org",
                    models.ForeignKey(on_delete=deletion.CASCADE, related_name="+", to="orgs.org"),
                ),
                (
                    "run",
                    TenantForeignKey(
                        db_constraint=False,
                        on_delete=deletion.CASCADE,
                        related_name="copies",
                        to="campaigns.run",
                    ),
                ),
            ],
            options={"ordering": ["id"]},
        ),
        migrations.AddConstraint(
            model_name="brandcopy",
            constraint=models.UniqueConstraint(
                fields=("org", "run", "address"), name="brand_copy_once_a_run"
            ),
        ),
        SecureTenant("BrandCopy"),
    ]
