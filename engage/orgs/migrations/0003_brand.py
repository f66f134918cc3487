import django.db.models.deletion
from django.db import migrations, models

from engage.orgs.migration_ops import SecureTenant


class Migration(migrations.Migration):
    """An org's logo, colour and landing page."""

    dependencies = [
        ("orgs", "0002_tenant_walls"),
    ]

    operations = [
        migrations.CreateModel(
            name="Brand",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "accent",
                    models.CharField(blank=True, help_text="#rrggbb; empty: the product's own", max_length=7),
                ),
                ("logo", models.BinaryField(default=b"", help_text="A PNG that we drew")),
                ("logo_digest", models.CharField(blank=True, help_text="Empty: no logo", max_length=32)),
                ("logo_width", models.SmallIntegerField(default=0)),
                ("logo_height", models.SmallIntegerField(default=0)),
                (
                    "org",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="orgs.org"
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("org",), name="one_brand_an_org")],
            },
        ),
        migrations.CreateModel(
            name="LandingText",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("language", models.CharField(max_length=10)),
                ("heading", models.CharField(blank=True, max_length=80)),
                ("introduction", models.TextField(blank=True, max_length=500)),
                ("farewell", models.TextField(blank=True, max_length=500)),
                ("revision", models.IntegerField(default=1)),
                (
                    "org",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="orgs.org"
                    ),
                ),
            ],
            options={
                "ordering": ["language"],
                "constraints": [
                    models.UniqueConstraint(fields=("org", "language"), name="landing_text_once_a_language")
                ],
            },
        ),
        SecureTenant("Brand"),
        SecureTenant("LandingText"),
    ]
