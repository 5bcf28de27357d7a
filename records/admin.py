"""Records in the administration: one page over the services, never a table of rows.

Staff who are clinicians or privacy officers ask for one patient and say why; consent decides, the
reading is entered, and then it is shown, as on every other surface. Asked by POST: who somebody
is stands in no address, and so in no log of addresses.
"""

import json
from functools import partial
from secrets import token_bytes
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone

from accounts.authentication import actor_of
from accounts.core.scopes import Scope
from accounts.selectors import organisation_list
from foundation.core.actor import Actor, ActorKind, Role
from foundation.core.problem import ProblemError, UnauthenticatedError
from foundation.tenancy import acting_as
from records.core.consent_values import ETREAT, PURPOSE_NAMES
from records.core.fhir_names import RESOURCE_NAMES
from records.core.search import parse_person
from records.models import Record
from records.services import asking_for, disclosure_feed, record_search
from records.services.deciding import base_url
from vault.services import damage_list

if TYPE_CHECKING:  # generic for the type checker only
    _ModelAdmin = admin.ModelAdmin[Any]
else:
    _ModelAdmin = admin.ModelAdmin

MAY = frozenset({Role.CLINICIAN, Role.PRIVACY_OFFICER})
SHOWN_MAX = 50
seeds = partial(token_bytes, 32)


class ReadForm(forms.Form):
    """Whom, what, and why."""

    patient = forms.CharField(
        max_length=200, help_text="The Patient's id, or system|value of an identifier"
    )
    type = forms.ChoiceField(
        choices=[(name, name) for name in sorted(RESOURCE_NAMES)], initial="Observation"
    )
    purpose = forms.ChoiceField(
        label="Purpose of use",
        choices=[
            (code, f"{name} ({code})")
            for code, name in sorted(PURPOSE_NAMES.items(), key=lambda each: each[1])
            if code != ETREAT.code
        ],
        initial="TREAT",
    )


@admin.register(Record)
class RecordAdmin(_ModelAdmin):
    """The page; rows are neither listed, nor added, changed or deleted here."""

    def get_urls(self) -> list[URLPattern]:
        """Return the one address."""
        view = self.admin_site.admin_view(self.changelist_view)
        return [path("", view, name="records_record_changelist")]

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Return whether the index lists records."""
        return _may(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Return whether the person reads records."""
        return _may(request)

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - Django's
        """Return that nothing is added here."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Return that nothing is changed here."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Return that nothing is deleted here."""
        return False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the form and, asked by POST, what may be shown."""
        if not _may(request):
            return HttpResponse(status=403)
        form = ReadForm(request.POST or None)
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            **(extra_context or {}),
            "title": "Read records",
            "form": form,
            "officer": Role.PRIVACY_OFFICER in actor_of(request).roles,
        }
        if context["officer"]:
            context["damaged"] = damage_list(actor=actor_of(request))
        if request.method == "POST" and form.is_valid():
            asks = _feed if "feed" in request.POST else _records
            try:
                context |= asks(actor_of(request), form.cleaned_data)
            except ProblemError as problem:
                context["problem"] = problem
        return TemplateResponse(request, "records/read.html", context)


def _may(request: HttpRequest) -> bool:
    try:
        actor = actor_of(request)
    except UnauthenticatedError:
        return False
    is_member = actor.kind is ActorKind.ORGANISATION and Scope.RECORDS_READ in actor.scopes
    return is_member and bool(actor.roles & MAY)


def _records(actor: Actor, asked: dict[str, str]) -> dict[str, Any]:
    shown = record_search(
        asking=asking_for(
            reader=actor, holder_id=None, purpose=asked["purpose"], now=timezone.now()
        ),
        type_=asked["type"],
        person=parse_person(asked["patient"].strip(), base=base_url()),
        page=slice(0, SHOWN_MAX),
        seeds=seeds,
    )
    records = [
        {
            "name": f"{each.type}/{each.id}",
            "version": each.version,
            "text": json.dumps(json.loads(each.data), indent=2, ensure_ascii=False),
        }
        for each in shown.records
    ]
    return {
        "records": records,
        "more": shown.total - len(records),
        "decision": shown.decision,
        "entry_id": shown.receipt.entry_ids[0].hex(),
    }


def _feed(actor: Actor, asked: dict[str, str]) -> dict[str, Any]:
    lines, receipt = disclosure_feed(
        actor=actor,
        person=parse_person(asked["patient"].strip(), base=base_url()),
        seeds=seeds,
        now=timezone.now(),
    )
    with acting_as(actor):
        names = {each.id: each.name for each in organisation_list()}
    shown = [{"line": line, "reader": names.get(line.reader_id, line.reader_id)} for line in lines]
    return {"lines": shown, "entry_id": receipt.entry_ids[0].hex()}
