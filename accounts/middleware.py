"""Finds out who asks before anything else runs, and gives Django's admin its transaction."""

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone

from accounts.authentication import channel_named, channel_not_here, client_ip
from accounts.models import User
from accounts.services import api_key_actor
from accounts.sessions import proved, session_actor
from foundation.core.actor import AUTHENTICATION, PUBLIC, Actor
from foundation.core.problem import ForbiddenError, ProblemError
from foundation.problems import problem_answer, problem_response
from foundation.tenancy import acting_as

ADMIN = "/admin/"
# Pages that open their own transactions, as all pages outside the admin do.
GOVERNANCE = "/admin/governance/"
LOGIN = "/admin/login/"
LOG = "/log/"


class ActingMiddleware:
    """Sets ``request.actor`` (``None`` for nobody, and for a person who has to choose first).

    ``request.user`` is lazy: read for the first time inside a view's transaction it would be
    looked up under that view's actor. So it is read here, as authentication.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        """Keep the next layer."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Return the answer of the layers below."""
        try:
            request.actor = _actor(request)  # type: ignore[attr-defined] # what pages read
        except ProblemError as problem:
            return problem_response(problem)
        return self.get_response(request)

    def process_view(
        self,
        request: HttpRequest,
        view: Callable[..., HttpResponseBase],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
    ) -> HttpResponseBase | None:
        """Run a page of the admin, its template too, in one transaction; leave others alone.

        Here and not around the layers below: those turn an exception into an answer, and what
        the page had written would stay.
        """
        # Views of the API ask when they authenticate; every other view is of the directory.
        if channel_named(request) is not None and not hasattr(view, "cls"):
            return problem_answer(request.path, channel_not_here())
        if not request.path.startswith(ADMIN) or request.path.startswith(GOVERNANCE):
            return None
        logs_in = request.path == LOGIN
        actor = AUTHENTICATION if logs_in else getattr(request, "actor", None) or PUBLIC
        try:
            with acting_as(actor):
                response = view(request, *args, **kwargs)
                if hasattr(response, "render"):
                    response = response.render()
        except ProblemError as problem:
            return problem_response(problem)
        # The log-in page answers a redirect exactly when the password was right.
        if logs_in and request.method == "POST" and response.status_code == HTTPStatus.FOUND:
            proved(request, now=timezone.now())  # noqa: TID251 - an interface: the clock enters
        return response


def _actor(request: HttpRequest) -> Actor | None:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if request.path.startswith(LOG) and scheme.lower() == "bearer":
        # Below the API these addresses are plain views: a member's programs read a log by its key.
        now = timezone.now()  # noqa: TID251 - an interface: the clock enters here
        return api_key_actor(key.strip(), ip=client_ip(request), now=now)
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return None
    # The lazy wrapper goes: code below gets the row itself.
    request.user = getattr(user, "_wrapped", user)
    try:
        return session_actor(request) if isinstance(request.user, User) else None
    except ForbiddenError:
        return None
