"""``/metrics``: for who runs this deployment, and nobody else."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.authentication import client_ip
from accounts.core.scopes import Scope, check_scope
from accounts.services import api_key_actor
from foundation.core.problem import ForbiddenError
from foundation.metrics import MEDIA_TYPE, render_metrics
from foundation.tenancy import acting_as
from ledger.selectors import current_log

_SCHEME = "bearer"


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer what is counted, to allowed networks and to the operator's API keys.

    Raises ``ForbiddenError``, or ``UnauthenticatedError`` for a key that is none.
    """
    if not _is_near(request):
        _check_operator(request)
    return HttpResponse(render_metrics(), content_type=MEDIA_TYPE)


def _is_near(request: HttpRequest) -> bool:
    """Tell whether the address that asks is on the list METRICS_NETWORKS."""
    behind_proxy = getattr(settings, "SECURE_PROXY_SSL_HEADER", None) is not None
    if behind_proxy and not request.headers.get("X-Forwarded-For"):
        return False  # a proxy that does not say for whom it asks would pass everybody off as near
    try:
        address = ipaddress.ip_address(client_ip(request))
    except ValueError:
        return False
    return any(address in network for network in settings.METRICS_NETWORKS)


def _check_operator(request: HttpRequest) -> None:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != _SCHEME:
        raise ForbiddenError("ask from a network of METRICS_NETWORKS, or with the operator's key")
    now = timezone.now()
    actor = api_key_actor(key.strip(), ip=client_ip(request), now=now)
    check_scope(actor, Scope.LEDGER_READ)
    with acting_as(actor):
        operator_id = current_log().operator_id
    if actor.organisation_id != operator_id:
        raise ForbiddenError("only the operator of this deployment may ask")
