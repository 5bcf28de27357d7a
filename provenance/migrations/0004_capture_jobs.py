from django.db import migrations, models

from foundation.migration_sql import may, rows

OWN = "organisation_id = theriac_org()"


class Migration(migrations.Migration):
    dependencies = [("provenance", "0003_dispensings_by_prescription")]

    operations = [
        migrations.AlterField(
            model_name="event",
            name="biz_step",
            field=models.CharField(blank=True, max_length=500),
        ),
        migrations.CreateModel(
            name="CaptureJob",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("organisation_id", models.UUIDField()),
                ("capture_id", models.UUIDField(unique=True)),
                ("behaviour", models.CharField(max_length=10)),
                ("created_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField(null=True)),
                ("document", models.BinaryField(null=True)),
                ("received_entry_id", models.BinaryField(max_length=32, null=True)),
                ("opening_key", models.BinaryField(max_length=32, null=True)),
                ("submission_id", models.UUIDField(null=True)),
                ("event_ids", models.JSONField()),
                ("errors", models.JSONField()),
            ],
        ),
        rows("provenance_capturejob", seen=OWN, written=OWN),
        may("provenance_capturejob", app="SELECT, INSERT, UPDATE", system="SELECT"),
    ]
