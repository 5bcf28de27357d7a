from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("claims", "0002_accumulators_go_with_their_person")]

    operations = [
        # On the way back nobody knows the numbers of old claims any more.
        migrations.AlterField(
            "claim", "control_number", models.CharField(default="", max_length=80)
        ),
        migrations.RemoveField("claim", "control_number"),
        # A dropped column stays in the rows that have it until they are written again: this
        # writes the whole table anew.
        migrations.RunSQL(
            "ALTER TABLE claims_claim"
            " ALTER COLUMN billed_amount TYPE numeric(14, 2) USING billed_amount + 0",
            migrations.RunSQL.noop,
        ),
    ]
