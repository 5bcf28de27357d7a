import django.db.models.deletion
from django.db import migrations, models

from foundation.migration_sql import insert_only, may, rows, sql_file

MEMBERS_SEE = "theriac_kind() <> 'authentication'"


class Migration(migrations.Migration):
    dependencies = [
        ("ledger", "0002_key_labels_and_additions"),
    ]

    operations = [
        migrations.CreateModel(
            name="WitnessedLog",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("origin", models.CharField(max_length=255, unique=True)),
                ("origin_hash", models.CharField(max_length=64, unique=True)),
                ("vkeys", models.TextField(blank=True)),
                ("size", models.PositiveBigIntegerField(default=0)),
                ("root_hash", models.BinaryField(max_length=32)),
                ("note", models.TextField(blank=True)),
                ("cosignature", models.TextField(blank=True)),
                ("cosigned_s", models.PositiveBigIntegerField(default=0)),
                ("cosigned_at", models.DateTimeField(null=True)),
                ("added_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="WitnessConflict",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("kind", models.CharField(max_length=12)),
                ("size", models.PositiveBigIntegerField()),
                ("root_hash", models.BinaryField(max_length=32)),
                ("note", models.TextField()),
                ("proof", models.BinaryField(blank=True)),
                ("cosigned_size", models.PositiveBigIntegerField()),
                ("cosigned_root", models.BinaryField(max_length=32)),
                ("cosigned_note", models.TextField()),
                ("seen_at", models.DateTimeField()),
                (
                    "log",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, to="ledger.witnessedlog"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("log", "kind", "size", "root_hash"), name="witness_conflict_once"
                    )
                ],
            },
        ),
        sql_file("ledger", "witness"),
        insert_only("ledger_witnessconflict"),
        *(
            rows(f"ledger_{table}", seen=MEMBERS_SEE)
            for table in ("witnessedlog", "witnessconflict")
        ),
        may("ledger_witnessedlog", app="SELECT", system="SELECT, INSERT, UPDATE"),
        may("ledger_witnessconflict", app="SELECT", system="SELECT, INSERT"),
    ]
