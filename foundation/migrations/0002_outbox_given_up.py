"""Find what was given up without reading everything that was ever done."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("foundation", "0001_outbox_and_idempotency")]

    operations = [
        migrations.AddIndex(
            model_name="outboxmessage",
            index=models.Index(
                fields=["failed_at"],
                name="outbox_given_up",
                condition=models.Q(failed_at__isnull=False),
            ),
        ),
    ]
