"""A state is stored after the item's events were counted once, no longer three times."""

from django.db import migrations

from foundation.migration_sql import as_system


class Migration(migrations.Migration):
    dependencies = [("provenance", "0004_capture_jobs")]

    operations = [as_system("provenance", "store")]
