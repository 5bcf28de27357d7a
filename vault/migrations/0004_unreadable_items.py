from django.db import migrations, models

from foundation.migration_sql import may, rows

OWN = "organisation_id = theriac_org()"


class Migration(migrations.Migration):
    dependencies = [("vault", "0003_erasure_and_its_certificates")]

    operations = [
        migrations.CreateModel(
            name="UnreadableItem",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("organisation_id", models.UUIDField()),
                ("item_id", models.UUIDField()),
                ("found_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organisation_id", "item_id"), name="unreadable_item_once"
                    )
                ],
            },
        ),
        rows("vault_unreadableitem", seen=OWN, written=OWN),
        may("vault_unreadableitem", app="SELECT, INSERT, DELETE", system="SELECT"),
    ]
