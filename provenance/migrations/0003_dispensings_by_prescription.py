"""A dispensing names its prescription in the vault; who is told of it may pay for it, once."""

import uuid

import django.db.models.deletion
from django.db import migrations, models
from django.db.migrations import RunSQL

from foundation.migration_sql import as_system, fact, may, rows

_FIRST = as_system("provenance", "spend")
# No table here has a row yet: the defaults are for the columns' sake.
_NOBODY = uuid.UUID(int=0)


class Migration(migrations.Migration):
    dependencies = [
        ("provenance", "0002_custody_from_events"),
        ("vault", "0001_subjects_keys_items"),
    ]

    operations = [
        RunSQL(_FIRST.reverse_sql or "", _FIRST.sql),
        migrations.AlterField(
            model_name="event",
            name="opening_key",
            field=models.BinaryField(max_length=32, null=True),
        ),
        migrations.RemoveField(model_name="dispensing", name="lookup"),
        migrations.RemoveField(model_name="dispensing", name="gtin"),
        migrations.RemoveField(model_name="dispensing", name="quantity"),
        migrations.AddField(
            model_name="dispensing",
            name="ref",
            field=models.UUIDField(db_index=True, default=_NOBODY),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="dispensing",
            name="subject_id",
            field=models.UUIDField(default=_NOBODY),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="dispensing",
            name="item_id",
            field=models.UUIDField(default=_NOBODY),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="dispensing",
            name="ndc",
            field=models.CharField(max_length=11, default=""),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="dispensing",
            name="unit",
            field=models.CharField(max_length=2, default=""),
            preserve_default=False,
        ),
        migrations.AddConstraint(
            model_name="dispensing",
            constraint=models.UniqueConstraint(
                fields=["entry_id", "epc"], name="dispensing_of_item_once"
            ),
        ),
        migrations.CreateModel(
            name="Disclosure",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("organisation_id", models.UUIDField()),
                ("entry_id", models.BinaryField(max_length=32)),
                ("to_organisation_id", models.UUIDField()),
                (
                    "dispensing",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="disclosures",
                        to="provenance.dispensing",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        fields=["dispensing", "to_organisation_id"], name="disclosure_to_whom"
                    )
                ],
            },
        ),
        migrations.RemoveConstraint(model_name="spend", name="spend_once"),
        migrations.AddField(
            model_name="spend",
            name="dispensing",
            field=models.ForeignKey(
                default=0,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="spends",
                to="provenance.dispensing",
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="spend",
            name="line",
            field=models.PositiveSmallIntegerField(default=0),
            preserve_default=False,
        ),
        migrations.AlterField(
            model_name="spend",
            name="epc",
            field=models.CharField(db_index=True, max_length=500),
        ),
        migrations.AddConstraint(
            model_name="spend",
            constraint=models.UniqueConstraint(
                fields=["dispensing", "claim", "line"], name="spend_once"
            ),
        ),
        rows(
            "provenance_disclosure",
            seen="organisation_id = theriac_org() OR to_organisation_id = theriac_org()",
            written="organisation_id = theriac_org() AND dispensing_id IN"
            " (SELECT id FROM provenance_dispensing WHERE organisation_id = theriac_org())",
        ),
        may("provenance_disclosure", app="SELECT, INSERT", system="SELECT"),
        fact("provenance_disclosure"),
        as_system("provenance", "spends"),
    ]
