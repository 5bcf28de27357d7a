"""Who asks: an API key, or a person's session. Views get an ``Actor`` and nothing else of it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from rest_framework import authentication
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from accounts.core.scopes import check_scope
from accounts.services import api_key_actor
from accounts.sessions import session_actor
from foundation.core.actor import CHANNEL_HEADER, Actor
from foundation.core.problem import BadInputError, UnauthenticatedError
from ledger.errors import ChannelNotHereError
from ledger.services import channel_actor

if TYPE_CHECKING:  # the framework's views import this module while they are imported
    from rest_framework.views import APIView

ORGANISATION_HEADER = "Theriac-Organisation"
_SCHEME = "bearer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """``request.user`` of an API request: no row, and no way to one."""

    actor: Actor
    is_authenticated: ClassVar[bool] = True
    is_active: ClassVar[bool] = True
    is_anonymous: ClassVar[bool] = False

    @property
    def pk(self) -> UUID | None:
        """The person's id, or the API key's."""
        return self.actor.person_id or self.actor.api_key_id


class ApiKeyAuthentication(authentication.BaseAuthentication):
    """``Authorization: Bearer thk_…``. Rates are not limited: keys cannot be guessed."""

    def authenticate(self, request: Request) -> tuple[Principal, Actor] | None:
        """Return the key's actor, ``None`` without a bearer; raise ``UnauthenticatedError``."""
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != _SCHEME:
            return None
        now = timezone.now()  # noqa: TID251 - an interface: the clock enters here
        actor = api_key_actor(key.strip(), ip=client_ip(request), now=now)
        actor = _in_channel(request, actor)
        return Principal(actor=actor), actor

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002 - the framework's
        """Return the challenge of a 401."""
        return 'Bearer realm="theriac"'


class SessionAuthentication(authentication.SessionAuthentication):
    """A person's session, with the CSRF token as everywhere in Django.

    The header ``Theriac-Organisation`` names the organisation to act for; see ``session_actor``
    for what holds without it.
    """

    def authenticate(self, request: Request) -> tuple[Principal, Actor] | None:
        """Return the person's actor, ``None`` where nobody is logged in.

        Raise ``ForbiddenError`` for an organisation that is not theirs, or an open choice.
        """
        http: HttpRequest = request._request  # noqa: SLF001 - as the framework's own class does
        user = getattr(http, "user", None)
        if user is None or not user.is_active:
            return None
        # Django's own request: the framework's would parse the body to look for a token in it, and
        # then nobody could read the bytes as they were sent.
        self.enforce_csrf(http)  # type: ignore[arg-type]  # it takes any request with headers
        wanted = request.headers.get(ORGANISATION_HEADER)
        actor = session_actor(http, organisation_id=None if wanted is None else _uuid(wanted))
        actor = _in_channel(request, actor)
        return Principal(actor=actor), actor


class IsActing(BasePermission):
    """Somebody is known to be asking."""

    def has_permission(self, request: Request, view: "APIView") -> bool:  # noqa: ARG002 - theirs
        """Return whether the request has an actor."""
        return isinstance(request.auth, Actor)


def requires_scope(*scopes: str) -> type[IsActing]:
    """Return the permission class of an address: the actor needs each of these scopes."""

    class RequiresScope(IsActing):
        """Somebody is asking who may."""

        def has_permission(self, request: Request, view: "APIView") -> bool:
            """Raise ``MissingScopeError``; return whether there is an actor."""
            actor = request.auth
            if not isinstance(actor, Actor):
                return super().has_permission(request, view)
            for scope in scopes:
                check_scope(actor, scope)
            return True

    return RequiresScope


class ByMethod:
    """A view's mix-in: ``reads`` permits what changes nothing, ``writes`` everything else."""

    request: Any
    reads: ClassVar[type[BasePermission]]
    writes: ClassVar[type[BasePermission]]

    def get_permissions(self) -> list[BasePermission]:
        """Return the permission of the method."""
        safe = self.request.method in SAFE_METHODS
        return [self.reads() if safe else self.writes()]


def channel_named(request: HttpRequest | Request) -> str | None:
    """Return the channel that the request is about, ``None`` for the deployment's first."""
    name = request.headers.get(CHANNEL_HEADER)
    return None if name == settings.CHANNEL_NAME else name


def _in_channel(request: Request, actor: Actor) -> Actor:
    """Return the actor as it acts in the channel that the request names.

    An address that does not say that it acts in channels (``in_channels``) refuses: it would write
    into the directory what was meant for another log.
    """
    name = channel_named(request)
    if name is None:
        return actor
    if not getattr(request.parser_context["view"], "in_channels", False):
        raise channel_not_here()
    return channel_actor(actor, name)


def channel_not_here() -> ChannelNotHereError:
    """Return the refusal of a request that names a channel where none is known."""
    return ChannelNotHereError(f"leave out {CHANNEL_HEADER}: this is of the first channel only")


def actor_of(request: HttpRequest | Request) -> Actor:
    """Return who asks; raise ``UnauthenticatedError``.

    API views: whom the authentication classes found, never the session behind their back. Pages:
    whom ``ActingMiddleware`` found.
    """
    found: Any = request.auth if isinstance(request, Request) else getattr(request, "actor", None)
    if not isinstance(found, Actor):
        raise UnauthenticatedError("log in, or send an API key")
    return found


def client_ip(request: HttpRequest | Request) -> str:
    """Return the address that asks; behind the TLS proxy, the one that the proxy saw."""
    forwarded: str = request.META.get("HTTP_X_FORWARDED_FOR", "")
    if forwarded and getattr(settings, "SECURE_PROXY_SSL_HEADER", None) is not None:
        # Only the last hop is the proxy's word; the ones before it anybody can write.
        return forwarded.rpartition(",")[2].strip()
    return str(request.META.get("REMOTE_ADDR", ""))


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise BadInputError(f"{ORGANISATION_HEADER} is no UUID: {text[:40]!a}") from error
