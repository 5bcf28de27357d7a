"""Migrations of accounts run forwards, backwards, forwards."""

import pytest
from django.core.management import call_command
from django.db import connections


@pytest.mark.usefixtures("fresh_db")
def test_the_tables_go_and_come_back() -> None:
    def tables() -> set[str]:
        with connections["owner"].cursor() as cursor:
            names = connections["owner"].introspection.table_names(cursor)
        return {name for name in names if name.startswith("accounts_")}

    before = tables()
    call_command("migrate", "accounts", "zero", database="owner", verbosity=0)
    assert tables() == set()
    call_command("migrate", database="owner", verbosity=0)
    assert tables() == before
    assert len(before) == 7
