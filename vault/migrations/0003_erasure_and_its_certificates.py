import django.db.models.deletion
from django.db import migrations, models

from foundation.migration_sql import fact, insert_only, may, personal, rows, sql_file

OWN = "organisation_id = theriac_org()"
FACTS = (
    "erasure",
    "erasureapproval",
    "erasureexecution",
    "erasurecertificate",
    "rootdestruction",
)
ABOUT_A_SUBJECT = (
    "subjectidentifier",
    "subjectkey",
    "subjecttag",
    "subjectlookup",
    "personalitem",
)


class Migration(migrations.Migration):
    dependencies = [
        ("vault", "0002_lookups_and_epochs_of_tags"),
        ("ledger", "0001_log_submissions_entries_leaves"),
    ]

    operations = [
        migrations.CreateModel(
            name="Erasure",
            fields=[
                ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("organisation_id", models.UUIDField()),
                ("subject_id", models.UUIDField()),
                ("category", models.CharField(blank=True, max_length=40)),
                (
                    "reason",
                    models.CharField(
                        choices=[
                            ("no_longer_necessary", "no_longer_necessary"),
                            ("consent_withdrawn", "consent_withdrawn"),
                            ("objected", "objected"),
                            ("unlawfully_processed", "unlawfully_processed"),
                            ("legal_obligation", "legal_obligation"),
                            ("offered_to_a_child", "offered_to_a_child"),
                        ],
                        max_length=30,
                    ),
                ),
                ("proposed_at", models.DateTimeField()),
                ("entry_id", models.BinaryField(max_length=32)),
            ],
        ),
        migrations.CreateModel(
            name="RootDestruction",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("organisation_id", models.UUIDField()),
                ("epoch", models.PositiveIntegerField()),
                ("destroyed_at", models.DateTimeField()),
                ("entry_id", models.BinaryField(max_length=32)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organisation_id", "epoch"), name="root_destroyed_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ErasureExecution",
            fields=[
                (
                    "erasure",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="execution",
                        serialize=False,
                        to="vault.erasure",
                    ),
                ),
                ("organisation_id", models.UUIDField()),
                ("subject_id", models.UUIDField()),
                ("category", models.CharField(blank=True, max_length=40)),
                ("tag", models.CharField(max_length=64)),
                ("commitments_root", models.BinaryField(max_length=32)),
                ("key_id", models.CharField(max_length=64)),
                ("key_version", models.PositiveIntegerField()),
                ("epoch", models.PositiveIntegerField()),
                ("erased_at", models.DateTimeField()),
                ("entry_id", models.BinaryField(max_length=32)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["organisation_id", "subject_id"], name="erasure_of_whom")
                ],
            },
        ),
        migrations.CreateModel(
            name="ErasureApproval",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("organisation_id", models.UUIDField()),
                ("person_id", models.UUIDField()),
                ("key_id", models.CharField(max_length=64)),
                ("approved_at", models.DateTimeField()),
                ("entry_id", models.BinaryField(max_length=32)),
                (
                    "erasure",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="approvals",
                        to="vault.erasure",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("erasure", "person_id"), name="erasure_two_persons"
                    ),
                    models.UniqueConstraint(fields=("erasure", "key_id"), name="erasure_two_keys"),
                ],
            },
        ),
        migrations.CreateModel(
            name="ErasureCertificate",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("organisation_id", models.UUIDField()),
                ("stage", models.PositiveSmallIntegerField()),
                ("certified_at", models.DateTimeField()),
                ("entry_id", models.BinaryField(max_length=32)),
                (
                    "erasure",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="certificates",
                        to="vault.erasure",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("erasure", "stage"), name="erasure_certified_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("stage__in", (1, 2))), name="erasure_has_two_stages"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ErasedItem",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("organisation_id", models.UUIDField()),
                ("holder", models.CharField(max_length=60)),
                ("category", models.CharField(max_length=40)),
                ("item_id", models.UUIDField()),
                ("commitment", models.BinaryField(max_length=32)),
                (
                    "execution",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="items",
                        to="vault.erasureexecution",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organisation_id", "item_id"), name="erased_item_once"
                    )
                ],
            },
        ),
        sql_file("vault", "erasure"),
        *(rows(f"vault_{table}", seen=OWN, written=OWN) for table in (*FACTS, "eraseditem")),
        *(
            may(f"vault_{table}", app="SELECT, INSERT", system="SELECT")
            for table in (*FACTS, "eraseditem")
        ),
        *(fact(f"vault_{table}") for table in FACTS),
        insert_only("vault_eraseditem"),
        *(personal(f"vault_{table}") for table in ABOUT_A_SUBJECT),
        personal("vault_subject", "id"),
        # What rotation and the erasure of one category write anew.
        may("vault_keyring", app="UPDATE (epoch, wrapped_lookup_key)"),
        may("vault_personalitem", app="UPDATE (kek_version, wrapped_dek)"),
    ]
