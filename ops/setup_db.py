"""``./theriac setup-db``: the roles and the database on a server that the operator runs."""

import secrets

from ops.postgres import ensure_database, ensure_roles, urls
from ops.postgres.roles import ROLES, existing_roles, server_major, setup_sql

KEPT = "THE-PASSWORD-IT-HAS"


def setup_db(
    admin_url: str, *, database: str, only_print: bool, new_passwords: bool = False
) -> int:
    """Make roles and database, and print the three URLs for ``.env``; return 0.

    Roles belong to the whole server, so those that are there keep their passwords, which nobody
    can read back: another deployment may use them. ``new_passwords`` replaces them all the same.
    Raises ``SetupError``.
    """
    if only_print:
        print(setup_sql(database, major=server_major(admin_url)))
        return 0
    kept = frozenset() if new_passwords else existing_roles(admin_url)
    passwords = {role: secrets.token_hex(32) for role in ROLES if role not in kept}
    ensure_roles(admin_url, passwords)
    ensure_database(admin_url, database)
    print("# Put these into .env; new passwords are shown once.")
    if kept:
        print(f"# These roles were there and keep their passwords: {', '.join(sorted(kept))}.")
        print("# --new-passwords replaces them, and locks out whatever uses the old ones.")
    shown = {role: passwords.get(role, KEPT) for role in ROLES}
    for variable, url in urls(admin_url, database, shown).items():
        print(f"{variable}={url}")
    return 0
