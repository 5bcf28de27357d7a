from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ledger", "0004_cosignatures")]

    operations = [
        # Only for the way back: rows that wait get a value.
        migrations.AlterField(
            model_name="pending", name="governs", field=models.BooleanField(default=False)
        ),
        migrations.RemoveField(model_name="pending", name="governs"),
    ]
