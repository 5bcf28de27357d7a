from django.db import migrations, models

from foundation.migration_sql import fact, may, rows

# A member that left keeps its row: it is changed, and goes never.
STAYS = """
    DROP TRIGGER refuse_change ON ledger_member;
    CREATE TRIGGER refuse_change BEFORE DELETE OR TRUNCATE ON ledger_member
        FOR EACH STATEMENT EXECUTE FUNCTION theriac_refuse_change();
    ALTER TABLE ledger_member ENABLE ALWAYS TRIGGER refuse_change;
"""
INSERT_ONLY = """
    DROP TRIGGER refuse_change ON ledger_member;
    CALL theriac_insert_only('ledger_member');
"""
MEMBERS_SEE = "theriac_kind() <> 'authentication'"
OWN = "organisation_id = theriac_org()"


class Migration(migrations.Migration):
    dependencies = [("ledger", "0005_pending_without_governs")]

    operations = [
        migrations.AddField(
            model_name="member",
            name="left_index",
            field=models.PositiveBigIntegerField(null=True),
        ),
        migrations.RunSQL(STAYS, INSERT_ONLY),
        may("ledger_member", system="UPDATE"),
        migrations.AddIndex(
            model_name="entry",
            index=models.Index(
                condition=models.Q(("kind__startswith", "ledger.")),
                fields=["submission"],
                name="entry_governs",
            ),
        ),
        migrations.CreateModel(
            name="PolicyChange",
            fields=[
                (
                    "entry_id",
                    models.BinaryField(max_length=32, primary_key=True, serialize=False),
                ),
                ("organisation_id", models.UUIDField()),
                ("kind", models.CharField(db_index=True, max_length=128)),
            ],
        ),
        rows("ledger_policychange", seen=MEMBERS_SEE, written=OWN),
        may("ledger_policychange", app="SELECT, INSERT", system="SELECT, INSERT"),
        fact("ledger_policychange"),
    ]
