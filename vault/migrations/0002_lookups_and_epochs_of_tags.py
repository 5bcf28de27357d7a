import django.db.models.deletion
from django.db import migrations, models

from foundation.migration_sql import may, rows

OWN = "organisation_id = theriac_org()"


class Migration(migrations.Migration):
    dependencies = [("vault", "0001_subjects_keys_items")]

    operations = [
        migrations.CreateModel(
            name="SubjectLookup",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("organisation_id", models.UUIDField()),
                ("holder", models.CharField(max_length=60)),
                ("lookup", models.BinaryField(max_length=32)),
                ("ref", models.UUIDField()),
                (
                    "subject",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, to="vault.subject"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organisation_id", "lookup", "ref"), name="subject_lookup_once"
                    )
                ],
            },
        ),
        # Until roots rotate, there is no other epoch than the first.
        migrations.AddField(
            model_name="subjecttag", name="epoch", field=models.PositiveIntegerField(default=1)
        ),
        rows("vault_subjectlookup", seen=OWN, written=OWN),
        may("vault_subjectlookup", app="SELECT, INSERT", system="SELECT"),
        # What PostgreSQL asks for of whoever holds a row (FOR KEY SHARE).
        may("vault_subjectkey", app="UPDATE (epoch, wrapped_key)"),
    ]
