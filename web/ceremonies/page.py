"""``/admin/governance/``: read what will be written, prove who you are, and get the receipt.

Nothing changes by a GET. A ceremony has two POSTs: *look* decides nothing and signs nothing, *do*
asks for the password unless the person proved who they are within five minutes, and acts once.
"""

import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from uuid import UUID, uuid4

import orjson
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.core.scopes import Scope, organisation_with
from accounts.selectors import organisation_get
from accounts.services.proposals import channel_policies, organisation_proposals
from accounts.sessions import reauthenticate, session_actor
from foundation.core.actor import Actor
from foundation.core.problem import (
    ForbiddenError,
    NotFoundError,
    ProblemError,
    UnauthenticatedError,
)
from foundation.idempotency import Answer, answer_once, answer_stored
from foundation.tenancy import acting_as
from ledger.exploring import organisation_names
from ledger.selectors import current_log, is_operator, key_list
from ledger.services import receipt_again
from ledger.services.keys import check_reauthenticated
from web.ceremonies.acts import ACTS, Act, Look

KEYS_LISTED_MAX = 100
_INITIAL = ("key", "proposal", "organisation", "kind")


def for_staff(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Return the view for staff who act for an organisation; others go and log in."""

    @never_cache
    def checked(request: HttpRequest, **arguments: Any) -> HttpResponse:
        actor: Actor | None = getattr(request, "actor", None)
        user = request.user
        if actor is None or not (user.is_active and getattr(user, "is_staff", False)):
            return redirect_to_login(request.get_full_path())
        try:
            organisation_with(actor, Scope.LEDGER_READ)
            return view(request, actor, **arguments)
        except ForbiddenError as problem:
            return _page(request, "refused", status=problem.status, problem=problem)

    return checked


@require_safe
@for_staff
def overview(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Show the organisation's keys, what waits for endorsements, and which ceremonies there are."""
    now = timezone.now()  # noqa: TID251 - an interface: the clock enters here
    proposals = organisation_proposals(actor=actor, now=now)
    policies = channel_policies(actor)
    with acting_as(actor):
        log = current_log()
        keys = key_list(actor.organisation)[-KEYS_LISTED_MAX:]
        ids = {each for one in proposals for each in (one.organisation_id, *one.endorsers)}
        ids |= {each for policy in policies for each in policy.organisations}
        names = organisation_names(log, ids)
        operator = is_operator()
    return _page(
        request,
        "overview",
        log=log,
        keys=keys,
        operator=operator,
        organisation_id=actor.organisation,
        policies=[
            (policy, [names.get(each, each) for each in policy.organisations])
            for policy in policies
        ],
        proposals=[
            {
                "info": one,
                "by": names.get(one.organisation_id, one.organisation_id),
                "endorsed": [names.get(each, each) for each in one.endorsed],
                "missing": [
                    names.get(each, each) for each in one.endorsers if each not in one.endorsed
                ],
                "own": one.organisation_id == actor.organisation,
                "may_endorse": actor.organisation in one.endorsers
                and actor.organisation not in one.endorsed,
                "has_endorsed": actor.organisation in one.endorsed,
                "ready": len(one.endorsed) >= one.n,
            }
            for one in proposals
        ],
    )


@require_http_methods(["GET", "HEAD", "POST"])
@for_staff
def ceremony(request: HttpRequest, actor: Actor, slug: str) -> HttpResponse:
    """Ask, then show what will be written, then do it."""
    act = ACTS.get(slug)
    if act is None:
        raise Http404("there is no such ceremony")
    if request.method != "POST":
        asked = {name: request.GET[name] for name in _INITIAL if name in request.GET}
        initial = {"organisation": uuid4(), **asked} if slug == "admit" else asked
        return _form(request, actor, act, act.form(initial=initial))
    form = act.form(request.POST)
    if not form.is_valid():
        return _form(request, actor, act, form, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    try:
        return _step(request, actor, act, form)
    except ProblemError as problem:
        return _form(request, actor, act, form, status=problem.status, problem=problem)


@require_safe
@for_staff
def done(request: HttpRequest, actor: Actor, submission_id: UUID) -> HttpResponse:
    """Show the receipt of a ceremony, and the ways to what was written."""
    try:
        receipt = receipt_again(actor=actor, submission_id=submission_id)
    except NotFoundError as error:
        raise Http404("your organisation has no such receipt") from error
    with acting_as(actor):
        log = current_log()
    return _page(
        request,
        "done",
        log=log,
        entries=[entry_id.hex() for entry_id in receipt.entry_ids],
        deadline=receipt.promise.deadline,
        receipt=json.dumps(receipt.as_json(), indent=2),
    )


def _step(request: HttpRequest, actor: Actor, act: Act, form: Any) -> HttpResponse:
    """Show what will be written or, where that was confirmed, do it."""
    now = timezone.now()  # noqa: TID251 - an interface: the clock enters here
    confirmed = request.POST.get("step") == "do"
    before = answer_stored(**_write_of(request, actor)) if confirmed else None
    if before is not None:
        return _led(request, act, before)
    look = act.look(actor, form.cleaned_data, now)
    if not confirmed:
        return _look(request, act, form, look)
    try:
        actor = _proved(request, actor)
    except UnauthenticatedError as problem:
        return _look(request, act, form, look, problem=problem)
    return _do(request, actor, act, form)


def proved_recently(actor: Actor) -> bool:
    """Return whether the person proved within the last five minutes who they are."""
    now = timezone.now()  # noqa: TID251 - an interface: the clock enters here
    try:
        check_reauthenticated(actor, now)
    except ForbiddenError:
        return False
    return True


def _proved(request: HttpRequest, actor: Actor) -> Actor:
    """Return the actor once the person proved who they are; raise ``UnauthenticatedError``."""
    password = request.POST.get("password", "")
    if password:
        now = timezone.now()  # noqa: TID251 - an interface: the clock enters here
        reauthenticate(request, password=password, now=now)
        actor = session_actor(request)
    if not proved_recently(actor):
        raise UnauthenticatedError("prove again who you are: type your password")
    return actor


def _write_of(request: HttpRequest, actor: Actor) -> dict[str, Any]:
    """Return what a confirmed page is known by: sent twice, it is answered once."""
    private = ("csrfmiddlewaretoken", "password", "step")
    sent = {name: value for name, value in request.POST.items() if name not in private}
    return {
        "actor": actor,
        "key": request.POST.get("once") or None,
        "path": f"POST {request.path}",
        "body": orjson.dumps(sent, option=orjson.OPT_SORT_KEYS),
    }


def _do(request: HttpRequest, actor: Actor, act: Act, form: Any) -> HttpResponse:
    """Act, once for each page that was looked at; lead to the receipt."""
    now = timezone.now()  # noqa: TID251 - an interface: the clock enters here

    def answer() -> Answer:
        receipt = act.perform(actor, form.cleaned_data, now)
        found = None if receipt is None else str(receipt.promise.id)
        return Answer(status=HTTPStatus.SEE_OTHER, body=orjson.dumps({"submission": found}))

    return _led(request, act, answer_once(**_write_of(request, actor), now=now, answer=answer))


def _led(request: HttpRequest, act: Act, made: Answer) -> HttpResponse:
    submission = orjson.loads(made.body)["submission"]
    if submission is None:
        messages.success(request, f"Done: {act.title.lower()}. Nothing was written in the log yet.")
        return redirect("governance")
    return redirect("governance-done", submission)


def _form(
    request: HttpRequest,
    actor: Actor,
    act: Act,
    form: Any,
    *,
    status: int = HTTPStatus.OK,
    problem: ProblemError | None = None,
) -> HttpResponse:
    with acting_as(actor):
        log = current_log()
    wanted = None if problem is None else problem.members.get("message")
    return _page(
        request,
        "form",
        status=status,
        act=act,
        form=form,
        log=log,
        problem=problem,
        message=wanted,
        address=request.build_absolute_uri("/"),
    )


def _look(
    request: HttpRequest,
    act: Act,
    form: Any,
    look: Look,
    *,
    problem: ProblemError | None = None,
) -> HttpResponse:
    """Show what will be written; the values of the form go along unseen."""
    return _page(
        request,
        "look",
        status=HTTPStatus.OK if problem is None else problem.status,
        act=act,
        form=form,
        look=look,
        problem=problem,
        hidden=[
            (name, value)
            for name, value in request.POST.items()
            if name in form.fields or name == "once"
        ],
        once="" if "once" in request.POST else uuid4().hex,
        asks_password=not proved_recently(request.actor),  # type: ignore[attr-defined] # as below
    )


def _page(
    request: HttpRequest, template: str, *, status: int = HTTPStatus.OK, **context: Any
) -> HttpResponse:
    actor: Actor = request.actor  # type: ignore[attr-defined] # for_staff has asked
    who = {"email": request.user.get_username(), "organisation": ""}
    if actor.organisation_id is not None:
        with acting_as(actor):
            who["organisation"] = organisation_get(actor.organisation).name
    context["who"] = who
    return render(request, f"ceremonies/{template}.html", context, status=status)
