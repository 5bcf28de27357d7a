"""The architecture, as far as machines can hold it: layers, tables, roles, row security."""

import subprocess
import sys
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connections, models

from foundation.core.ledger_role import LedgerRole
from ledger.core.columns import COLUMNS, HASHED, RECOMPUTED, TRANSIENT
from tests.test_tidy import APPS, ROOT

RANKS = {
    "foundation": 0,
    "ledger": 1,
    "accounts": 2,
    "vault": 3,
    "provenance": 4,
    "records": 4,
    "claims": 5,
}
# Personal by what it opens; nobody may delete it at all.
OF_NO_PERSON = {"vault_keyring"}
# The log itself: insert-only like facts, but entries need no entry.
THE_LOG = {
    *("ledger_submission", "ledger_entry", "ledger_leaf", "ledger_checkpoint"),
    "ledger_cosignature",
}


def our_models() -> list[type[models.Model]]:
    """Return the models of our apps, those of many-to-many relations left out."""
    found = [model for app in APPS for model in _models_of(app)]
    assert len(found) > 15
    return found


def _models_of(app: str) -> list[type[models.Model]]:
    return list(apps.get_app_config(app).get_models()) if app != "config" else []


def test_the_import_contracts_hold() -> None:
    # As a program of its own: its set-up of logging silences every logger that exists by then.
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_model_says_what_it_is_to_the_ledger() -> None:
    for model in our_models():
        assert isinstance(model.__dict__.get("ledger_role"), LedgerRole), model


def test_foreign_keys_point_downwards_and_protect() -> None:
    for model in our_models():
        rank = RANKS[model._meta.app_label]
        for field in model._meta.get_fields():
            if not isinstance(field, models.ForeignKey):
                continue
            target = field.remote_field.model._meta
            assert RANKS.get(target.app_label, 0) <= rank, (model, field.name)
            same = target.app_label == model._meta.app_label
            assert same or RANKS.get(target.app_label, 0) < rank, (model, field.name)
            assert field.remote_field.on_delete is models.PROTECT, (model, field.name)


def test_every_column_of_the_log_is_hashed_recomputed_or_declared_transient() -> None:
    for table, columns in COLUMNS.items():
        (model,) = [model for model in our_models() if model._meta.db_table == table]
        assert set(columns) == {field.column for field in model._meta.local_concrete_fields}
        assert set(columns.values()) <= {HASHED, RECOMPUTED, TRANSIENT}
    assert set(COLUMNS) == THE_LOG


def test_facts_name_their_entry() -> None:
    for model in our_models():
        if model.__dict__["ledger_role"] is LedgerRole.FACT and model._meta.db_table not in THE_LOG:
            entry_id = model._meta.get_field("entry_id")
            assert isinstance(entry_id, models.BinaryField), model
            assert not entry_id.null, model
            assert "organisation_id" in {field.attname for field in model._meta.fields}, model


def query(sql: str) -> list[tuple[str, ...]]:
    """Return rows that the owner reads."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


@pytest.mark.usefixtures("db")
def test_the_database_enforces_facts_parts_and_personal_data() -> None:
    triggers = set(
        query(
            "SELECT tgrelid::regclass::text, tgname FROM pg_trigger"
            " WHERE NOT tgisinternal AND tgenabled = 'A'"
        )
    )
    for model in our_models():
        role, table = model.__dict__["ledger_role"], model._meta.db_table
        if role in (LedgerRole.FACT, LedgerRole.PART):
            assert (table, "refuse_change") in triggers, table
        if role is LedgerRole.FACT and table not in THE_LOG:
            assert (table, "fact_has_entry") in triggers, table
        if role is LedgerRole.PERSONAL and table not in OF_NO_PERSON:
            assert (table, "personal_needs_erasure") in triggers, table
            assert (table, "refuse_truncate") in triggers, table


@pytest.mark.usefixtures("db")
def test_every_table_of_ours_is_under_forced_row_security() -> None:
    third_party = ("django_", *(f"{app}_" for app in settings.THIRD_PARTY_TABLES_OF))
    uncovered = {
        table
        for (table,) in query(
            "SELECT relname::text FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace"
            " WHERE relkind = 'r' AND nspname = 'public'"
            " AND NOT (relrowsecurity AND relforcerowsecurity)"
        )
        if not table.startswith(third_party)
    }
    assert uncovered == set()


@pytest.mark.usefixtures("db")
def test_the_app_may_not_change_what_is_insert_only() -> None:
    granted = set(
        query(
            "SELECT table_name::text, privilege_type::text"
            " FROM information_schema.role_table_grants"
            " WHERE grantee IN ('theriac_app', 'theriac_system')"
        )
    )
    for model in our_models():
        if model.__dict__["ledger_role"] in (LedgerRole.FACT, LedgerRole.PART):
            for privilege in ("UPDATE", "DELETE", "TRUNCATE"):
                assert (model._meta.db_table, privilege) not in granted


@pytest.mark.usefixtures("db")
def test_functions_of_the_system_are_closed_to_the_public() -> None:
    rows = query(
        "SELECT p.proname::text, pg_get_userbyid(p.proowner)::text,"
        " has_function_privilege('public', p.oid, 'EXECUTE')::text,"
        " coalesce(array_to_string(p.proconfig, ','), '')"
        " FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace"
        " WHERE n.nspname = 'system_fn'"
    )
    assert rows
    for name, owner, public, config in rows:
        assert (owner, public) == ("theriac_system", "false"), name
        assert "search_path=" in config, name
