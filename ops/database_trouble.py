"""What a command says where the database is not there, or not made yet."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from django.db import DatabaseError, connections
from django.db.migrations.executor import MigrationExecutor

from ops.errors import OpsError


class NotMigratedError(OpsError):
    """The database lacks tables of this version."""


class UnreachableError(OpsError):
    """The database's server does not answer, or does not let us in."""


@contextmanager
def database_trouble_told() -> Iterator[None]:
    """Turn what an operator can mend into ``NotMigratedError`` or ``UnreachableError``.

    Everything else is a bug and stays as it is: a missing table is only the operator's affair
    while migrations wait.
    """
    try:
        yield
    except DatabaseError as error:
        cause = error.__cause__
        if isinstance(cause, psycopg.OperationalError) and cause.sqlstate is None:
            raise UnreachableError(
                f"the database cannot be reached: {str(cause).splitlines()[0]}",
                remedy="./theriac doctor says what is in the way",
            ) from error
        missing = (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn)
        if not isinstance(cause, missing) or not (waiting := _waiting()):
            raise
        raise NotMigratedError(
            f"the database is not made yet: {waiting} migrations wait",
            remedy="./theriac up makes it and serves; ./theriac migrate only makes it",
        ) from error


def _waiting() -> int:
    """Return how many migrations are not applied."""
    executor = MigrationExecutor(connections["owner"])
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
