from django.db import migrations, models

from foundation.migration_sql import fact, may, rows

MEMBERS_SEE = "theriac_kind() <> 'authentication'"
OWN = "organisation_id = theriac_org()"


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_log_submissions_entries_leaves")]

    operations = [
        migrations.AddField(
            model_name="signingkey",
            name="label",
            field=models.CharField(blank=True, default="", max_length=200),
            preserve_default=False,
        ),
        migrations.CreateModel(
            name="KeyAddition",
            fields=[
                ("key_id", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("organisation_id", models.UUIDField()),
                ("entry_id", models.BinaryField(max_length=32)),
            ],
        ),
        rows("ledger_keyaddition", seen=MEMBERS_SEE, written=OWN),
        may("ledger_keyaddition", app="SELECT, INSERT", system="SELECT, INSERT"),
        fact("ledger_keyaddition"),
    ]
