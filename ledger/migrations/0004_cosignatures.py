import django.db.models.deletion
from django.db import migrations, models

from foundation.migration_sql import insert_only, may, rows

MEMBERS_SEE = "theriac_kind() <> 'authentication'"


class Migration(migrations.Migration):
    dependencies = [
        ("ledger", "0003_witnessed_logs"),
    ]

    operations = [
        migrations.CreateModel(
            name="Cosignature",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("size", models.PositiveBigIntegerField()),
                ("vkey", models.CharField(max_length=400)),
                ("line", models.TextField()),
                ("timestamp_s", models.PositiveBigIntegerField()),
                ("received_at", models.DateTimeField()),
                (
                    "log",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.PROTECT, to="ledger.log"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("log", "size", "vkey"), name="cosignature_once")
                ],
            },
        ),
        insert_only("ledger_cosignature"),
        rows("ledger_cosignature", seen=MEMBERS_SEE),
        may("ledger_cosignature", app="SELECT", system="SELECT, INSERT"),
    ]
