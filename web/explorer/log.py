"""``/explorer/``: the head of a log, its newest entries, and how it is governed and witnessed."""

import datetime as dt
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from foundation.tenancy import acting_as
from ledger.channels import log_list
from ledger.core.governance import KEY_ROTATED, MEMBER_LEFT
from ledger.exploring import entry_window, kinds_at
from ledger.selectors import KeyInfo, key_page
from ledger.standing import (
    freeze_reason,
    member_count,
    member_page,
    policy_page,
    quorum_name,
    watched_logs,
    witnesses_seen,
)
from web.explorer.entries import listed
from web.explorer.visit import INDEX_MAX, Visit, explored, heads_of, named, reader

NEWEST = 10
ROWS = 50
_ENDS = {KEY_ROTATED: "rotated", MEMBER_LEFT: "ended, its organisation left"}


@require_safe
def explorer(request: HttpRequest) -> HttpResponse:
    """Lead to the one log there is, or list those that the visitor may know of."""
    with acting_as(reader(request)):
        logs = log_list()
    if len(logs) == 1:
        return redirect("explorer-log", logs[0].name)
    return render(request, "explorer/logs.html", {"logs": logs})


def _log_page(visit: Visit) -> HttpResponse:
    """Show where the log stands, and what was written last."""
    with acting_as(visit.actor):
        heads = heads_of(visit.log)
        window = entry_window(visit.log, before=heads.signed_size, limit=NEWEST)
        context: dict[str, Any] = {
            "heads": heads,
            "entries": listed(visit.log, window.entries, heads),
            "members": member_count(visit.log),
            "frozen": freeze_reason(visit.log),
            "quorum": quorum_name(),
        }
    return visit.page("log", **context)


def _head(visit: Visit) -> HttpResponse:
    """Return the piece of the page that shows the head: public, and kept for a second or two."""
    with acting_as(visit.actor):
        heads, frozen = heads_of(visit.log), freeze_reason(visit.log)
        quorum = quorum_name()
    response = visit.page("head", heads=heads, frozen=frozen, quorum=quorum)
    response["Cache-Control"] = "public, max-age=2"
    return response


def _members_page(visit: Visit) -> HttpResponse:
    """Show who belongs to the log."""
    with acting_as(visit.actor):
        rows = member_page(visit.log, after=visit.index("after", -1), limit=ROWS + 1)
    shown = rows[:ROWS]
    more = shown[-1].admitted_index if len(rows) > ROWS else None
    return visit.page("members", members=shown, after=more)


def _keys_page(visit: Visit) -> HttpResponse:
    """Show the keys that the log knows or knew, from and to which index each is valid."""
    organisation_id = uuid_of(visit.request.GET.get("organisation", ""))
    start = visit.index("after", -1)
    after = None if start < 0 else (start, visit.request.GET.get("key", "")[:64])
    with acting_as(visit.actor):
        rows = key_page(visit.log, after=after, limit=ROWS + 1, organisation_id=organisation_id)
        shown = rows[:ROWS]
        name = named(visit.log, {key.organisation_id for key in shown})
        ends = {key.revoked_index for key in shown if key.revoked_index is not None}
        kinds = kinds_at(visit.log, ends)
    return visit.page(
        "keys",
        keys=[(key, name(key.organisation_id), _state(key, kinds)) for key in shown],
        organisation=organisation_id,
        next=shown[-1] if len(rows) > ROWS else None,
    )


def _policies_page(visit: Visit) -> HttpResponse:
    """Show which kinds of entries needed whose endorsements, and since when."""
    with acting_as(visit.actor):
        rows = policy_page(visit.log, before=visit.index("before", INDEX_MAX), limit=ROWS + 1)
        shown = rows[:ROWS]
        ids = {each for row in shown for each in row.policy.organisations}
        name = named(visit.log, ids)
    newest: dict[str, int] = {}
    for row in shown:
        newest.setdefault(row.policy.kind, row.policy.set_index)
    first_page = "before" not in visit.request.GET
    policies = [
        {
            "policy": row.policy,
            "id": row.entry_id.hex(),
            "organisations": [name(each) for each in row.policy.organisations],
            "newest": first_page and newest[row.policy.kind] == row.policy.set_index,
        }
        for row in shown
    ]
    before = shown[-1].policy.set_index if len(rows) > ROWS else None
    return visit.page("policies", policies=policies, before=before)


def _witnesses_page(visit: Visit) -> HttpResponse:
    """Show who cosigned which head, who is behind, and what contradicts itself."""
    with acting_as(visit.actor):
        heads = heads_of(visit.log)
        seen = witnesses_seen(visit.log)
        context: dict[str, Any] = {
            "heads": heads,
            "quorum": quorum_name(),
            "frozen": freeze_reason(visit.log),
            "watched": watched_logs(),
        }
    context["witnesses"] = [
        {
            "name": witness.name,
            "vkey": witness.vkey,
            "size": witness.size,
            "behind": heads.signed_size - witness.size,
            "at": _utc(witness.timestamp_s),
        }
        for witness in seen
    ]
    return visit.page("witnesses", **context)


log_page = explored(_log_page)
head = explored(_head)
members_page = explored(_members_page)
keys_page = explored(_keys_page)
policies_page = explored(_policies_page)
witnesses_page = explored(_witnesses_page)


def uuid_of(text: str) -> UUID | None:
    """Return the UUID that a text is, or ``None``."""
    try:
        return UUID(text)
    except ValueError:
        return None


def _state(key: KeyInfo, kinds: dict[int, str]) -> str:
    if key.revoked_index is None:
        return "valid"
    return _ENDS.get(kinds.get(key.revoked_index, ""), "revoked")


def _utc(seconds: int | None) -> dt.datetime | None:
    return None if seconds is None else dt.datetime.fromtimestamp(seconds, dt.UTC)
