from django.db import migrations

from foundation.migration_sql import may


class Migration(migrations.Migration):
    dependencies = [
        ("claims", "0001_contracts_claims_decisions"),
        ("vault", "0003_erasure_and_its_certificates"),
    ]

    operations = [
        # A projection of decisions: it goes where they are erased.
        may("claims_accumulatorrow", app="DELETE"),
    ]
