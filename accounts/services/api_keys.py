"""API keys: made, revoked, and turned into an actor on each request."""

import datetime as dt
import hmac
import secrets
from collections.abc import Iterable
from uuid import UUID

from accounts.core.api_key import (
    PREFIX_SIZE_BYTES,
    SECRET_SIZE_BYTES,
    ApiKeyFormatError,
    ApiKeyText,
    format_api_key,
    hash_secret,
    parse_api_key,
)
from accounts.core.scopes import Scope, check_grant, organisation_with, parse_scopes
from accounts.models import HASH_SIZE_BYTES, ApiKey
from accounts.networks import is_inside, parse_network
from accounts.selectors import ApiKeyInfo, api_key_info
from foundation.core.actor import AUTHENTICATION, Actor, ActorKind
from foundation.core.problem import BadInputError, NotFoundError, UnauthenticatedError
from foundation.tenancy import acting_as

NAME_LENGTH_MAX = 100
# What an unreadable key is compared as: no row has this prefix.
_NO_KEY = ApiKeyText(prefix="-", secret=bytes(SECRET_SIZE_BYTES))


def api_key_create(
    *,
    actor: Actor,
    name: str,
    scopes: Iterable[object],
    now: dt.datetime,
    expires_at: dt.datetime | None = None,
    networks: Iterable[str] = (),
) -> tuple[ApiKeyInfo, str]:
    """Make a key of the actor's organisation; return it, and the text that is shown this once.

    ``networks`` (CIDR) limit where it may be used from; none means anywhere. Raise
    ``MissingScopeError``, ``ForbiddenError``, ``ScopeError``, ``NetworkError``, or
    ``BadInputError`` for a name or an end that cannot be.
    """
    wanted = parse_scopes(scopes)
    organisation_id = organisation_with(actor, Scope.ACCOUNTS_WRITE)
    check_grant(actor, wanted)
    if not (name.strip() and len(name) <= NAME_LENGTH_MAX and name.isprintable()):
        raise BadInputError(f"a key's name has 1 to {NAME_LENGTH_MAX} characters", path="name")
    if expires_at is not None and expires_at <= now:
        raise BadInputError("the key would be expired already", path="expires_at")
    prefix, secret = secrets.token_bytes(PREFIX_SIZE_BYTES), secrets.token_bytes(SECRET_SIZE_BYTES)
    with acting_as(actor):
        row = ApiKey.objects.create(
            organisation_id=organisation_id,
            name=name,
            prefix=prefix.hex(),
            secret_hash=hash_secret(secret),
            scopes=sorted(wanted),
            networks=[parse_network(network) for network in networks],
            created_at=now,
            expires_at=expires_at,
        )
    return api_key_info(row), format_api_key(prefix=prefix, secret=secret)


def api_key_revoke(*, actor: Actor, api_key_id: UUID, now: dt.datetime) -> ApiKeyInfo:
    """Revoke a key of the actor's organisation; return it. From the commit on it opens nothing.

    Revoked again, it keeps its first time. Raise ``NotFoundError`` for a key of others, as for
    none; ``MissingScopeError`` or ``ForbiddenError``.
    """
    organisation_id = organisation_with(actor, Scope.ACCOUNTS_WRITE)
    with acting_as(actor):
        own = ApiKey.objects.filter(organisation_id=organisation_id)
        row = own.select_for_update().filter(id=api_key_id).first()
        if row is None:
            raise NotFoundError("your organisation has no such API key")
        if row.revoked_at is None:
            row.revoked_at = now
            row.save(update_fields=["revoked_at"])
        return api_key_info(row)


def api_key_actor(text: str, *, ip: str, now: dt.datetime) -> Actor:
    """Return the actor of an API key as it was sent, from the address ``ip``.

    Raise ``UnauthenticatedError``, the same one for every reason: unreadable, unknown, wrong
    secret, expired, revoked, sent from elsewhere. All reasons take the same path.
    """
    try:
        sent = parse_api_key(text)
    except ApiKeyFormatError:
        sent = _NO_KEY
    with acting_as(AUTHENTICATION):
        row = ApiKey.objects.filter(prefix=sent.prefix).first()
    stored = bytes(HASH_SIZE_BYTES) if row is None else bytes(row.secret_hash)
    fits = hmac.compare_digest(stored, hash_secret(sent.secret))
    if row is None or not (fits & _is_open(row, ip=ip, now=now)):
        raise UnauthenticatedError("the API key is not valid here and now")
    return Actor(
        kind=ActorKind.ORGANISATION,
        organisation_id=row.organisation_id,
        api_key_id=row.id,
        scopes=frozenset(row.scopes),
    )


def _is_open(row: ApiKey, *, ip: str, now: dt.datetime) -> bool:
    expired = row.expires_at is not None and row.expires_at <= now
    return row.revoked_at is None and not expired and is_inside(ip, row.networks)
