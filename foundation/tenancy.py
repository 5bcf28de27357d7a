"""``acting_as``: the only way into a transaction, and what it tells the database.

Row-level security reads three settings that live exactly as long as the transaction. A query
outside ``acting_as`` has none of them, so the database refuses it; the router refuses it first.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from uuid import UUID

from django.conf import settings
from django.db import connections, transaction
from django.db.models import Model

from foundation.core.actor import Actor, ActorKind

APP_ALIAS = "default"
SYSTEM_ALIAS = "system"
OWNER_ALIAS = "owner"
# Who acts for no organisation, or as no person, has this id: no row ever carries it.
NOBODY = UUID(int=0)

_current: ContextVar[Actor | None] = ContextVar("theriac_actor", default=None)


class OutsideActingAsError(RuntimeError):
    """A read or write outside ``acting_as``: a bug of ours, never of a caller's."""


class ActorChangedError(RuntimeError):
    """``acting_as`` nested under another actor: one transaction has one actor."""


@contextmanager
def acting_as(actor: Actor) -> Iterator[None]:
    """Open a transaction in which the database shows and takes what ``actor`` may see and write.

    Nested under the same actor it joins the transaction; under another it raises
    ``ActorChangedError``. An exception rolls everything back.
    """
    outer = _current.get()
    if outer is not None:
        if outer != actor:
            raise ActorChangedError(f"already acting as {outer.kind}, not as {actor.kind}")
        yield
        return
    alias = SYSTEM_ALIAS if actor.kind is ActorKind.SYSTEM else APP_ALIAS
    token = _current.set(actor)
    try:
        with transaction.atomic(using=alias, durable=True):
            with connections[alias].cursor() as cursor:
                cursor.execute(
                    "SELECT set_config('app.kind', %s, true), set_config('app.org', %s, true),"
                    " set_config('app.person', %s, true)",
                    [
                        actor.kind.value,
                        str(actor.organisation_id or NOBODY),
                        str(actor.person_id or NOBODY),
                    ],
                )
            yield
    finally:
        _current.reset(token)


def current_actor() -> Actor:
    """Return who acts in this transaction; raise ``OutsideActingAsError`` where nobody does."""
    actor = _current.get()
    if actor is None:
        raise OutsideActingAsError("read or written outside acting_as(actor)")
    return actor


def current_alias() -> str:
    """Return the database alias of this transaction, for raw SQL."""
    return SYSTEM_ALIAS if current_actor().kind is ActorKind.SYSTEM else APP_ALIAS


class TenancyRouter:
    """Sends every query to the role of the acting party; without one it raises."""

    def db_for_read(self, model: type[Model], **hints: object) -> str:  # noqa: ARG002 - Django's
        """Return the alias that ``model`` is read from."""
        if model._meta.app_label in settings.THIRD_PARTY_TABLES_OF:
            return APP_ALIAS
        return current_alias()

    db_for_write = db_for_read

    def allow_relation(self, *objects: object, **hints: object) -> bool:  # noqa: ARG002 - Django's
        """Rows of one database meet under two roles; relations are fine."""
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: object) -> bool:  # noqa: ARG002
        """Only the owner migrates."""
        return db == OWNER_ALIAS
