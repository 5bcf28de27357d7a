"""States of items are taken only where the events of the item give them (docs/adr/0004)."""

from django.db import migrations
from django.db.migrations import RunSQL

from foundation.migration_sql import as_system

_FIRST = as_system("provenance", "system")


class Migration(migrations.Migration):
    dependencies = [
        ("provenance", "0001_events_custody_spends"),
        ("accounts", "0001_users_organisations_credentials"),  # the functions ask for its GLNs
    ]

    operations = [
        RunSQL(_FIRST.reverse_sql or "", _FIRST.sql),
        as_system("provenance", "custody"),
        as_system("provenance", "spend"),
    ]
