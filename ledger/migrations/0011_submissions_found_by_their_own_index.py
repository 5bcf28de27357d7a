import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ledger", "0010_references_without_constraint")]

    operations = [
        # The unique index on log, organisation and id begins alike. Beside it this one cost every
        # append, and was taken by the planner for finding one among all submissions of a log.
        migrations.AlterField(
            model_name="submission",
            name="log",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                to="ledger.log",
            ),
        ),
    ]
