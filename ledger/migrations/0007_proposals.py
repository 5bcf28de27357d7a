import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

from foundation.migration_sql import may, rows

OWN = "organisation_id = theriac_org()"
# The proposal is visible where its own row-level security shows it.
SHOWN = "EXISTS (SELECT FROM ledger_proposal AS p WHERE p.id = proposal_id)"


class Migration(migrations.Migration):
    dependencies = [("ledger", "0006_policies_and_leaving")]

    operations = [
        migrations.CreateModel(
            name="Proposal",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("organisation_id", models.UUIDField(db_index=True)),
                ("key_id", models.CharField(max_length=64)),
                ("kind", models.CharField(max_length=128)),
                ("content", models.BinaryField()),
                ("policy_index", models.PositiveBigIntegerField()),
                ("n", models.PositiveSmallIntegerField()),
                (
                    "endorsers",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.UUIDField(), size=None
                    ),
                ),
                ("proposed_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("withdrawn_at", models.DateTimeField(null=True)),
                ("entry_id", models.BinaryField(max_length=32, null=True)),
                (
                    "log",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="ledger.log",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ProposalEndorsement",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("organisation_id", models.UUIDField()),
                ("key_id", models.CharField(max_length=64)),
                ("signature", models.BinaryField(max_length=64)),
                ("endorsed_at", models.DateTimeField()),
                (
                    "proposal",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, to="ledger.proposal"
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="proposalendorsement",
            constraint=models.UniqueConstraint(
                fields=("proposal", "organisation_id"), name="proposal_endorsed_once"
            ),
        ),
        rows("ledger_proposal", seen=f"{OWN} OR theriac_org() = ANY(endorsers)", written=OWN),
        rows("ledger_proposalendorsement", seen=SHOWN, written=f"{OWN} AND {SHOWN}"),
        may("ledger_proposal", app="SELECT, INSERT, UPDATE", system="SELECT"),
        may("ledger_proposalendorsement", app="SELECT, INSERT, UPDATE, DELETE", system="SELECT"),
    ]
