"""What every page of the explorer begins with: which log, who looks, and whether they may."""

import datetime as dt
import functools
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Concatenate, ParamSpec
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.core.scopes import Scope
from foundation.core.actor import PUBLIC, Actor
from foundation.core.problem import NotFoundError
from foundation.tenancy import acting_as
from ledger.core.note import parse_note
from ledger.errors import NoLogError
from ledger.exploring import organisation_names
from ledger.published import checkpoint_published
from ledger.selectors import Head, LogInfo, checkpoint_latest, log_get

INDEX_MAX = 2**53
_DIGITS = re.compile("[0-9]{1,16}")
_P = ParamSpec("_P")


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A request of somebody who may read this log."""

    request: HttpRequest
    log: LogInfo
    actor: Actor

    def page(self, template: str, **context: Any) -> HttpResponse:
        """Return a page about the log."""
        return render(
            self.request,
            f"explorer/{template}.html",
            {"log": self.log, "part": template, **context},
        )

    def index(self, name: str, default: int) -> int:
        """Return the index that a parameter of the address is; ``default`` where it is none."""
        text = self.request.GET.get(name, "")
        return min(int(text), INDEX_MAX) if _DIGITS.fullmatch(text) else default


@dataclass(frozen=True, slots=True, kw_only=True)
class Heads:
    """The newest signed head and the newest published one; none before the first."""

    signed: Head | None
    published: Head | None
    age_s: int

    @property
    def provisional(self) -> bool:
        """Whether the quorum of witnesses does not stand behind the newest head."""
        return self.signed is not None and self.signed.size > self.published_size

    @property
    def published_size(self) -> int:
        """How many leaves are published."""
        return 0 if self.published is None else self.published.size

    @property
    def signed_size(self) -> int:
        """How many leaves are signed."""
        return 0 if self.signed is None else self.signed.size

    @property
    def root(self) -> str:
        """The root of the published head, in hex."""
        return "" if self.published is None else self.published.root_hash.hex()

    @property
    def cosigners(self) -> list[str]:
        """The names of the witnesses that cosigned the published head."""
        return [] if self.published is None else cosigners_of(self.published.note)

    @property
    def age(self) -> str:
        """How long ago the newest head was signed, in words."""
        for unit, length in (("day", 86_400), ("hour", 3600), ("minute", 60)):
            if self.age_s >= length:
                count = self.age_s // length
                return f"{count} {unit}{'' if count == 1 else 's'} ago"
        return f"{self.age_s} second{'' if self.age_s == 1 else 's'} ago"


def reader(request: HttpRequest) -> Actor:
    """Return as whom a log is read: the organisation that looks, where it may, or anybody."""
    actor = getattr(request, "actor", None)
    if isinstance(actor, Actor) and Scope.LEDGER_READ in actor.scopes:
        return replace(actor, channel="")
    return PUBLIC


def explored(view: Callable[Concatenate[Visit, _P], HttpResponse]) -> Callable[..., HttpResponse]:
    """Return the view of a log's page: what the visitor may not know of is not there either."""

    @require_safe
    def visited(
        request: HttpRequest, channel: str, *args: _P.args, **kwargs: _P.kwargs
    ) -> HttpResponse:
        actor = reader(request)
        try:
            with acting_as(actor):
                log = log_get(channel)
            response = view(Visit(request=request, log=log, actor=actor), *args, **kwargs)
        except (NotFoundError, NoLogError) as error:
            raise Http404(str(error)) from error
        if log.members_only:
            response["Cache-Control"] = "private, no-store"
        return response

    functools.update_wrapper(visited, view)
    return visited


def heads_of(log: LogInfo) -> Heads:
    """Return where the log stands. Inside ``acting_as``."""
    signed, published = checkpoint_latest(log), checkpoint_published(log)
    now = timezone.now()  # noqa: TID251 - an interface: the clock enters here
    age = dt.timedelta() if signed is None else now - signed.signed_at
    return Heads(signed=signed, published=published, age_s=max(0, int(age.total_seconds())))


def cosigners_of(note: str) -> list[str]:
    """Return who cosigned a checkpoint, by the names in it; the log itself signs first."""
    return [each.name for each in parse_note(note.encode()).signatures[1:]]


def named(log: LogInfo, ids: set[UUID]) -> Callable[[UUID], str]:
    """Return what gives an organisation's name, its id where the log has none yet."""
    names = organisation_names(log, ids)
    return lambda organisation_id: names.get(organisation_id, str(organisation_id))
