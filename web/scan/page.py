"""``/scan/``: type or scan a pack, and read whether it may be taken in, sold or given."""

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from accounts.core.scopes import Scope, check_scope
from accounts.selectors import organisation_get
from foundation.core.actor import Actor
from foundation.core.problem import ProblemError
from foundation.tenancy import acting_as
from provenance.core.verdict import Answer, Question
from provenance.selectors import verdict_for

SCAN_LENGTH_MAX = 8192
SHOWN_LENGTH_MAX = 80
# A word and a sign beside the colour: nobody needs to see colours.
_SIGNS = {Answer.YES: "✓", Answer.NO: "✕", Answer.UNKNOWN: "?"}
_QUESTIONS = {
    Question.CHECK: "Is it genuine?",
    Question.TAKE_IN: "May I take it in?",
    Question.SHIP: "May I ship it?",
    Question.SELL: "May I sell it?",
    Question.DISPENSE: "May I dispense it?",
}


@require_http_methods(["GET", "HEAD", "POST"])
def scan_page(request: HttpRequest) -> HttpResponse:
    """Show the form and, after a scan, its verdict. Whoever is not logged in goes to do so."""
    actor: Actor | None = getattr(request, "actor", None)
    if actor is None or actor.organisation_id is None:
        return redirect_to_login(request.get_full_path())
    chosen = request.POST.get("question", Question.DISPENSE.value)
    context: dict[str, object] = {
        "questions": _QUESTIONS.items(),
        "chosen": chosen,
        "who": _who(request, actor),
    }
    if request.method == "POST":
        scan = request.POST.get("scan", "").strip()[:SCAN_LENGTH_MAX]
        context["shown"] = _shown(scan)
        try:
            context |= _answered(actor, scan, chosen)
        except ProblemError as problem:
            context["problem"] = problem
    return render(request, "scan/page.html", context)


def _who(request: HttpRequest, actor: Actor) -> dict[str, str]:
    """Return who scans, and for whom: more than one person stands at a desk."""
    with acting_as(actor):
        name = organisation_get(actor.organisation).name
    return {"email": request.user.get_username(), "organisation": name}


def _answered(actor: Actor, scan: str, chosen: str) -> dict[str, object]:
    check_scope(actor, Scope.EPCIS_READ)
    question = Question(chosen) if chosen in list(Question) else Question.CHECK
    now = timezone.now()  # noqa: TID251 - an interface: the clock enters here
    verdict = verdict_for(actor=actor, scan=scan, question=question, now=now)
    return {"verdict": verdict, "sign": _SIGNS[verdict.answer]}


def _shown(scan: str) -> str:
    """Return the scan for people, who cannot see separators."""
    return "".join(letter if letter.isprintable() else " " for letter in scan[:SHOWN_LENGTH_MAX])
