"""Word of a commit to whoever waits for it: PostgreSQL's NOTIFY and LISTEN.

A notice says that there is something new, never what: who hears it looks again. One can be lost
with a connection, so who waits also looks now and then without having heard anything.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import connections

from foundation.tenancy import APP_ALIAS, current_alias


def notify(channel: str) -> None:
    """Tell all who listen to ``channel``, once the open transaction commits."""
    with connections[current_alias()].cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, '')", [channel])


@contextmanager
def listening(channel: str) -> Iterator[Callable[[float], bool]]:
    """Listen outside any transaction; yield what waits, at most so many seconds, for a notice.

    It returns whether one came, at once where it came since the last wait or since listening began.
    """
    connection = connections[APP_ALIAS]
    with connection.cursor() as cursor:
        cursor.execute(f'LISTEN "{channel}"')

    def wait(seconds: float) -> bool:
        with connection.wrap_database_errors:
            heard = [*connection.connection.notifies(timeout=seconds, stop_after=1)]
            # Word of several commits is one reason to look, not several.
            return bool([*heard, *connection.connection.notifies(timeout=0)])

    try:
        yield wait
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f'UNLISTEN "{channel}"')
