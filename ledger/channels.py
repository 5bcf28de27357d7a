"""Which logs there are, and in which of them the actor acts. Inside ``acting_as`` only."""

from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

from django.conf import settings
from django.db import connections

from foundation.core.actor import ActorKind
from foundation.core.problem import NotFoundError
from foundation.tenancy import current_actor, current_alias
from ledger.errors import NoLogError
from ledger.models import Log


@dataclass(frozen=True, slots=True, kw_only=True)
class LogInfo:
    """A channel's log, as its genesis declares it."""

    id: int
    name: str
    origin: str
    vkey: str
    operator_id: UUID
    receipt_key_id: str
    receipt_public_key: bytes
    members_only: bool = False


_LOGS: dict[tuple[str, str], LogInfo] = {}


def current_log() -> LogInfo:
    """Return the log that the actor acts in: the directory, unless it names another channel.

    Raise ``NoLogError`` before the directory's genesis, ``NotFoundError`` as ``log_get``.
    """
    return log_get(current_actor().channel or settings.CHANNEL_NAME)


def directory_log() -> LogInfo:
    """Return the deployment's first log, in which its other channels are announced."""
    return log_get(settings.CHANNEL_NAME)


def log_get(name: str) -> LogInfo:
    """Return a channel's log by its word in the address.

    Raise ``NotFoundError`` where there is none that the actor may know of, or ``NoLogError`` where
    the directory is not created yet.
    """
    # What genesis declares never changes, so a process asks once per database; but who may know
    # of a channel for members only, the database is asked each time.
    key = (str(connections[current_alias()].settings_dict["NAME"]), name)
    if key in _LOGS:
        return _LOGS[key]
    row = Log.objects.filter(name=name).first()
    if row is None and name != settings.CHANNEL_NAME:
        raise NotFoundError("there is no channel of this name")
    if row is None:
        raise NoLogError(f"create the channel {name!r} first: ./theriac channel_create")
    found = _log_info(row)
    if not found.members_only:
        _LOGS[key] = found
    return found


def log_list() -> list[LogInfo]:
    """Return the logs that the actor may know of, the directory first."""
    return [_log_info(row) for row in Log.objects.order_by("id")]


def _log_info(row: Log) -> LogInfo:
    return LogInfo(
        id=row.pk,
        name=row.name,
        origin=row.origin,
        vkey=row.vkey,
        operator_id=row.operator_id,
        receipt_key_id=row.receipt_key_id,
        receipt_public_key=bytes(row.receipt_public_key),
        members_only=row.members_only,
    )


def log_of_origin(origin: str) -> LogInfo:
    """Return the log that receipts and entries call so; raise ``NotFoundError``."""
    log = directory_log()
    if log.origin == origin:
        return log
    name = Log.objects.filter(origin=origin).values_list("name", flat=True).first()
    if name is None:
        raise NotFoundError("there is no log of this origin")
    return log_get(name)


def forget_logs() -> None:
    """Forget the logs that this process remembers: tests make many of one name."""
    _LOGS.clear()


def log_key_name(origin: str) -> str:
    """Return the provider's name of the key that signs a log's checkpoints."""
    return f"log/{sha256(origin.encode()).hexdigest()}"


def receipt_key_name(origin: str) -> str:
    """Return the provider's name of the key that signs a log's receipts."""
    return f"receipt/{sha256(origin.encode()).hexdigest()}"


def is_operator() -> bool:
    """Return whether the acting organisation operates this log."""
    actor = current_actor()
    return actor.kind is ActorKind.ORGANISATION and (
        actor.organisation_id == current_log().operator_id
    )
