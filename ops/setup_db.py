"""``./theriac setup-db``: the roles and the database on a server that the operator runs."""

import secrets

from ops.postgres import ensure_database, ensure_roles, urls
from ops.postgres.roles import ROLES, setup_sql


def setup_db(admin_url: str, *, database: str, only_print: bool) -> int:
    """Make roles and database, and print the three URLs for ``.env``; return 0.

    The roles get new passwords each time, so the printed URLs are always the valid ones.
    Raises ``SetupError``.
    """
    if only_print:
        print(setup_sql(database))
        return 0
    passwords = {role: secrets.token_hex(32) for role in ROLES}
    ensure_roles(admin_url, passwords)
    ensure_database(admin_url, database)
    print("# Put these into .env; the passwords are shown once.")
    for variable, url in urls(admin_url, database, passwords).items():
        print(f"{variable}={url}")
    return 0
