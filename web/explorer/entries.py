"""``/explorer/<channel>/entries/`` and one entry: what it says, who signed, and its proof."""

import json
import re
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect

from foundation.tenancy import acting_as
from ledger.core.entry import format_time
from ledger.core.members import format_base64
from ledger.core.proof_steps import TreeNode
from ledger.exploring import (
    ListedEntry,
    entry_at,
    entry_seen,
    entry_window,
    steps_to_root,
)
from ledger.selectors import LogInfo, member_list
from web.explorer.tree import draw
from web.explorer.visit import INDEX_MAX, Heads, Visit, explored, heads_of, named

ROWS = 50
MEMBERS_LISTED_MAX = 500
_KIND = re.compile(r"[a-z][a-z_.0-9]{0,127}")
_ENTRY_ID = re.compile("[0-9a-f]{64}")


def listed(log: LogInfo, rows: Sequence[ListedEntry], heads: Heads) -> list[dict[str, Any]]:
    """Return the lines of a list of entries. Inside ``acting_as``."""
    name = named(log, {row.organisation_id for row in rows})
    return [
        {
            "row": row,
            "id": row.entry_id.hex(),
            "organisation": name(row.organisation_id),
            "provisional": row.log_index >= heads.published_size,
        }
        for row in rows
    ]


def _entries_page(visit: Visit) -> HttpResponse:
    """List entries, the newest first, by kind and organisation where asked."""
    query = visit.request.GET
    kind, organisation = query.get("kind", "").strip(), query.get("organisation", "").strip()
    trouble = ""
    if kind and _KIND.fullmatch(kind) is None:
        trouble, kind = "A kind has small letters, digits, dots and underlines only.", ""
    organisation_id = None
    if organisation:
        try:
            organisation_id = UUID(organisation)
        except ValueError:
            trouble = "No organisation has such an id; choose one of the list."
    with acting_as(visit.actor):
        heads = heads_of(visit.log)
        before = min(visit.index("before", INDEX_MAX), heads.signed_size)
        window = entry_window(
            visit.log, before=before, limit=ROWS, kind=kind, organisation_id=organisation_id
        )
        rows = listed(visit.log, window.entries, heads)
        members = member_list(visit.log)[:MEMBERS_LISTED_MAX]
    return visit.page(
        "entries",
        entries=rows,
        window=window,
        last=before - 1,
        members=members,
        kind=kind,
        organisation=organisation_id,
        trouble=trouble,
        status_newest="before" not in query,
    )


def _find(visit: Visit) -> HttpResponse:
    """Lead to the entry of an index or an id; ask again where there is none."""
    wanted = visit.request.GET.get("q", "").strip().lower()
    if _ENTRY_ID.fullmatch(wanted):
        return redirect("explorer-entry", visit.log.name, wanted)
    entry_id = None
    if wanted.isascii() and wanted.isdecimal() and int(wanted[:17]) < INDEX_MAX:
        with acting_as(visit.actor):
            entry_id = entry_at(visit.log, int(wanted[:17]))
    if entry_id is not None:
        return redirect("explorer-entry", visit.log.name, entry_id.hex())
    response = visit.page("missing", wanted=wanted[:80])
    response.status_code = 404
    return response


def _entry_page(visit: Visit, entry_id: str) -> HttpResponse:
    """Show an entry with what was signed and the way from it to the checkpoint."""
    log = visit.log
    with acting_as(visit.actor):
        seen = entry_seen(log, bytes.fromhex(entry_id))
        if seen.info.place is None:
            return visit.page("promised", id=entry_id)
        heads = heads_of(log)
        name = named(
            log,
            {
                seen.info.organisation_id,
                seen.submission.organisation_id,
                *(each.organisation_id for each in seen.endorsements),
            },
        )
        index = seen.info.place.log_index
        published = heads.published
        proven, picture = published is not None and index < published.size, None
        if proven and published is not None:
            steps = steps_to_root(log, leaf=seen.info.entry_id, index=index, head=published)
            leaf = TreeNode(digest=seen.info.entry_id, first=index, last=index)
            picture = None if steps is None else draw(leaf, steps)
    text = seen.info.content.decode()
    return visit.page(
        "entry",
        id=entry_id,
        index=index,
        seen=seen,
        organisation=name(seen.info.organisation_id),
        time=format_time(seen.entry.time),
        endorsements=[(each, name(each.organisation_id)) for each in seen.endorsements],
        signature=format_base64(seen.submission.signature),
        statement=seen.submission.statement.decode(),
        exact=text,
        pretty=json.dumps(json.loads(text), indent=2, ensure_ascii=False),
        heads=heads,
        picture=picture,
        proven=proven,
    )


entries_page = explored(_entries_page)
find = explored(_find)
entry_page = explored(_entry_page)
