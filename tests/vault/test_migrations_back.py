"""The migration of erasure goes back and forth; no privilege stays without its trigger."""

from django.core.management import call_command
from django.db import connections

from tests.conftest import Channel

TABLES = "'vault_subject', 'vault_subjectkey', 'vault_personalitem', 'vault_keyring'"


def privileges() -> set[tuple[str, str]]:
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT table_name::text, privilege_type::text"
            " FROM information_schema.column_privileges"
            f" WHERE grantee = 'theriac_app' AND table_name IN ({TABLES})"
            " UNION SELECT table_name::text, privilege_type::text"
            " FROM information_schema.role_table_grants"
            f" WHERE grantee = 'theriac_app' AND table_name IN ({TABLES})"
        )
        return {(table, privilege) for table, privilege in cursor.fetchall()}


def test_erasure_goes_back_and_forth(fresh_db: Channel) -> None:
    assert fresh_db.log.name
    with_it = privileges()
    assert ("vault_subject", "DELETE") in with_it
    call_command(
        "migrate", "vault", "0002_lookups_and_epochs_of_tags", database="owner", verbosity=0
    )
    assert {each for each in privileges() if each[1] in ("DELETE", "UPDATE")} == {
        ("vault_subjectkey", "UPDATE")
    }
    call_command("migrate", database="owner", verbosity=0)
    assert privileges() == with_it
