import django.db.models.deletion
from django.db import migrations, models

from foundation.migration_sql import as_system, sql_file

WITH_LOG = ("entry", "keyaddition", "keyrevocation", "policychange")


class Migration(migrations.Migration):
    dependencies = [("ledger", "0008_append_in_two_calls")]

    operations = [
        migrations.AddField("log", "members_only", models.BooleanField(default=False)),
        migrations.AddField("log", "announced_id", models.BinaryField(max_length=32, null=True)),
        migrations.AddField("log", "opening_key", models.BinaryField(max_length=32, null=True)),
        as_system("ledger", "channels_system"),
        migrations.SeparateDatabaseAndState(
            database_operations=[sql_file("ledger", "channels")],
            state_operations=[
                migrations.AddField(
                    model,
                    "log",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="ledger.log",
                    ),
                )
                for model in WITH_LOG
            ],
        ),
        # The append names the log of each entry, which it could not while there was no such column.
        migrations.RunSQL(sql_file("ledger", "append").sql, migrations.RunSQL.noop),
    ]
