from django.db import migrations, models

from foundation.migration_sql import as_system, sql_file


class Migration(migrations.Migration):
    dependencies = [("ledger", "0007_proposals")]

    operations = [
        # What waited before is counted, not weighed: the sequencer empties the queue at once.
        migrations.AddField(
            model_name="pending",
            name="size_bytes",
            field=models.PositiveIntegerField(default=0),
            preserve_default=False,
        ),
        as_system("ledger", "load"),
        sql_file("ledger", "append"),
    ]
