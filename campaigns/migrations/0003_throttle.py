from django.db import migrations, models


class Migration(migrations.Migration):
    """How many messages may go in an hour, and between which times of the day (C-41)."""

    dependencies = [("campaigns", "0002_tenant_walls")]

    operations = [
        migrations.AddField(
            model_name="message",
            name="throttle_per_hour",
            field=models.IntegerField(blank=True, help_text="None: as fast as its sender (C-41)", null=True),
        ),
        migrations.AddField(
            model_name="message",
            name="throttle_from",
            field=models.TimeField(blank=True, help_text="Org time; None: all day", null=True),
        ),
        migrations.AddField(
            model_name="message",
            name="throttle_until",
            field=models.TimeField(blank=True, null=True),
        ),
    ]
