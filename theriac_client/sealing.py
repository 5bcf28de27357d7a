"""Sealed submissions, as a member builds them (docs/spec/submission.md, event.md, governance.md).

Plain values in, bytes out: nothing here reads a clock, a file or the network.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from foundation.core.json_input import JsonInputError, parse_json
from foundation.core.problem import TooLargeError
from ledger.core.canonical import Json
from ledger.core.commitment import KEY_SIZE_BYTES, commit
from ledger.core.entry import EntryDraft, build_entry
from ledger.core.members import format_base64
from ledger.core.merkle import leaf_hash, tree_root
from ledger.core.possession import possession_message
from ledger.core.statement import (
    KeyChain,
    Statement,
    build_statement,
    join_header,
    statement_hash,
    statement_message,
)
from provenance.core.event_bytes import event_bytes
from theriac_client.errors import DocumentError
from theriac_client.keyfile import MemberKey

EVENT_KIND = "provenance.event.captured.v1"
EVENT_HEADER = b'{"media_type":"application/ld+json"}'
EVENT_MEDIA_TYPE = "application/ld+json"
EVENT_PATH = "/epcis/v2/events"
CAPTURE_PATH = "/epcis/v2/capture"
_DOCUMENTS = ("EPCISDocument", "EPCISQueryDocument")

RandomBytes = Callable[[int], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An entry to be, with the keys that open its commitments."""

    entry: EntryDraft
    openings: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealing:
    """A document, where it goes, and the entries that are made of it."""

    path: str
    document: bytes
    media_type: str
    drafts: tuple[Draft, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """A signed submission: its request ``body``, and all by which it will be known again.

    ``header`` is the leaf that will carry it; ``after`` is what the key's next statement says.
    """

    body: bytes
    statement: Statement
    statement_hash: bytes
    header: bytes
    entry_ids: tuple[bytes, ...]
    after: KeyChain


def seal_events(document: bytes, *, randoms: RandomBytes) -> Sealing:
    """Return the sealing of EPCIS events: one with its own ``@context``, or a document of them.

    Raise ``DocumentError`` for what cannot be sealed, with the event's number from 0.
    """
    try:
        value = parse_json(document)
    except (JsonInputError, TooLargeError) as error:
        raise DocumentError(f"the document cannot be read: {error.detail}") from error
    if not isinstance(value, dict) or "@context" not in value:
        raise DocumentError("the document is no EPCIS event or document with an @context")
    whole = value.get("type") in _DOCUMENTS
    events = _events(value) if whole else [value]
    drafts = []
    for number, event in enumerate(events):
        if not isinstance(event, dict) or not isinstance(event.get("eventID"), str):
            raise DocumentError(
                f"event {number} needs an eventID, such as urn:uuid:…: it is part of what is signed"
            )
        opening = randoms(KEY_SIZE_BYTES)
        data = event_bytes({**event, "@context": value["@context"]})
        commitment = commit(key=opening, header=EVENT_HEADER, data=data)
        entry = EntryDraft(
            kind=EVENT_KIND, id=random_uuid(randoms), body={}, commitments=(commitment,)
        )
        drafts.append(Draft(entry=entry, openings=(opening,)))
    return Sealing(
        path=CAPTURE_PATH if whole else EVENT_PATH,
        document=document,
        media_type=EVENT_MEDIA_TYPE,
        drafts=tuple(drafts),
    )


def seal_body(
    *, path: str, document: Mapping[str, Json], kind: str, body: Mapping[str, Json], entry_id: UUID
) -> Sealing:
    """Return the sealing of one entry whose ``body`` says everything: a change of a key."""
    draft = Draft(entry=EntryDraft(kind=kind, id=entry_id, body=body))
    return Sealing(
        path=path,
        document=orjson.dumps(document),
        media_type="application/json",
        drafts=(draft,),
    )


def sign(
    sealing: Sealing,
    *,
    key: MemberKey,
    log: str,
    organisation_id: UUID,
    chain: KeyChain,
    submission_id: UUID,
    time: datetime,
) -> Sealed:
    """Return the submission, signed to follow ``chain``.

    Raise what ``build_entry`` raises for an entry that would be none.
    """
    entries = [
        build_entry(
            draft=draft.entry,
            log=log,
            organisation_id=organisation_id,
            key_id=key.key_id,
            time=time,
        )
        for draft in sealing.drafts
    ]
    entry_ids = tuple(leaf_hash(entry) for entry in entries)
    statement = Statement(
        log=log,
        organisation_id=organisation_id,
        key_id=key.key_id,
        id=submission_id,
        n=len(entries),
        root=tree_root(entry_ids),
        time=time,
        chain=chain,
    )
    stated = build_statement(statement)
    signature = key.sign(statement_message(stated))
    digest = statement_hash(stated)
    openings = [opening for draft in sealing.drafts for opening in draft.openings]
    return Sealed(
        body=orjson.dumps(
            {
                "document": format_base64(sealing.document),
                "media_type": sealing.media_type,
                "entries": [format_base64(entry) for entry in entries],
                "openings": [format_base64(opening) for opening in openings],
                "statement": format_base64(stated),
                "signature": format_base64(signature),
            }
        ),
        statement=statement,
        statement_hash=digest,
        header=join_header(statement_bytes=stated, signature=signature),
        entry_ids=entry_ids,
        after=KeyChain(first=chain.first + len(entries), prev=digest),
    )


def prove_possession(key: MemberKey, *, log: str, organisation_id: UUID) -> bytes:
    """Return the signature by which a key shows that it is held."""
    message = possession_message(
        log=log,
        organisation_id=organisation_id,
        public_key=key.public_key,
        holder=key.holder,
    )
    return key.sign(message)


def random_uuid(randoms: RandomBytes) -> UUID:
    """Return a random UUID (RFC 9562 version 4)."""
    return UUID(bytes=randoms(16), version=4)


def _events(document: Mapping[str, Any]) -> Sequence[object]:
    body = document.get("epcisBody")
    if document["type"] == "EPCISQueryDocument" and isinstance(body, dict):
        results = body.get("queryResults")
        body = results.get("resultsBody") if isinstance(results, dict) else None
    events = body.get("eventList") if isinstance(body, dict) else None
    if not isinstance(events, list) or not events:
        raise DocumentError("the document has no eventList with events in it")
    return events
