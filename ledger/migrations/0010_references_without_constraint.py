from typing import Any

import django.db.models.deletion
from django.db import migrations, models


def _free(model: str, to: str, **options: Any) -> migrations.AlterField:
    kind = models.OneToOneField if "primary_key" in options else models.ForeignKey
    return migrations.AlterField(
        model_name=model,
        name=to,
        field=kind(
            db_constraint=False,
            on_delete=django.db.models.deletion.PROTECT,
            to=f"ledger.{to}",
            **options,
        ),
    )


class Migration(migrations.Migration):
    dependencies = [("ledger", "0009_channels")]

    operations = [
        _free("submission", "log"),
        _free("entry", "submission", db_index=False),
        _free("pending", "submission", primary_key=True, serialize=False),
        _free("pending", "log", db_index=False),
        _free("leaf", "submission", db_index=False),
        _free("leaf", "log", db_index=False),
    ]
