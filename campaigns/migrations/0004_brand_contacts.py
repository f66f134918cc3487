import django.db.models.deletion
from django.db import migrations, models

from engage.orgs.fields import TenantForeignKey
from engage.orgs.migration_ops import SecureTenant


class Migration(migrations.Migration):
    """Brand groups beside the test contacts, and the copies that their members get (C-15, T-27)."""

    dependencies = [("campaigns", "0003_throttle")]

    operations = [
        migrations.AddField(
            model_name="message",
            name="copy_group",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="The brand group whose members get a copy (C-15)",
                max_length=40,
            ),
        ),
        migrations.CreateModel(
            name="BrandContact",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=60)),
                ("channel", models.CharField(choices=[("email", "E-mail"), ("sms", "SMS")], max_length=8)),
                ("address", models.CharField(max_length=254)),
                ("group", models.CharField(max_length=40)),
                ("created_at", models.DateTimeField()),
                (
                    "org",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="orgs.org"
                    ),
                ),
            ],
            options={
                "ordering": ["group", "name"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("org", "group", "channel", "address"), name="brand_contact_once_in_group"
                    )
                ],
            },
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
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="orgs.org"
                    ),
                ),
                (
                    "run",
                    TenantForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="copies",
                        to="campaigns.run",
                    ),
                ),
            ],
            options={
                "ordering": ["id"],
                "constraints": [
                    models.UniqueConstraint(fields=("org", "run", "address"), name="brand_copy_once_a_run")
                ],
            },
        ),
        SecureTenant("BrandContact"),
        SecureTenant("BrandCopy"),
    ]
