"""``/healthz``: this process lives. ``/readyz``: it can do its work."""

from collections.abc import Callable

from django.conf import settings
from django.db import DatabaseError, connections
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from foundation.broker import broker_trouble
from foundation.key_providers import KeyProviderError, key_provider
from foundation.tenancy import APP_ALIAS, SYSTEM_ALIAS

Check = Callable[[], str]
_CHECKS: dict[str, Check] = {}


def readiness_check(name: str) -> Callable[[Check], Check]:
    """Register a check of an app: it returns what is in the way, or an empty text."""

    def register(check: Check) -> Check:
        _CHECKS[name] = check
        return check

    return register


@require_safe
def healthz(request: HttpRequest) -> JsonResponse:  # noqa: ARG001 - Django's
    """Answer that the process lives; nothing else is asked."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:  # noqa: ARG001 - Django's
    """Answer 200 where everything is ready, else 503 with what is in the way."""
    found = {
        "database": _database(APP_ALIAS),
        "database_system": _database(SYSTEM_ALIAS),
        "keys": _keys(),
        "broker": broker_trouble(),
        **{name: check() for name, check in _CHECKS.items()},
    }
    ready = not any(found.values())
    body = {"status": "ok" if ready else "not ready", "checks": found}
    return JsonResponse(body, status=200 if ready else 503)


def _database(alias: str) -> str:
    try:
        with connections[alias].cursor() as cursor:
            cursor.execute(
                "SELECT rolsuper OR rolbypassrls, current_setting('fsync') FROM pg_roles"
                " WHERE rolname = current_user"
            )
            unsafe, fsync = cursor.fetchone()
    except DatabaseError:
        return "cannot be reached"
    if unsafe:
        return "the role is a superuser or passes row-level security by"
    return "" if fsync == "on" or not settings.PRODUCTION else "fsync is off"


def _keys() -> str:
    try:
        key_provider().check()
    except (KeyProviderError, OSError):
        return "the key provider cannot be used"
    return ""
