"""What a sealed document of events must have, so that its client could sign it beforehand."""

from collections.abc import Mapping, Sequence
from typing import Any

from ledger.core.sealed import SealedPart, SealedSubmission, sealed_parts
from ledger.errors import SealedMismatchError
from provenance.core.epcis_event import EpcisEvent


def check_nameable(events: Sequence[EpcisEvent], raw: Sequence[Mapping[str, Any]]) -> None:
    """Raise ``SealedMismatchError`` for an event without the id that it is stored under.

    An id that the server makes, or spells otherwise, would change what was signed.
    """
    for line, (event, sent) in enumerate(zip(events, raw, strict=True)):
        if event.event_id is None or sent["eventID"] != event.event_id:
            wanted = "of its own" if event.event_id is None else f"spelled {event.event_id}"
            raise SealedMismatchError(
                f"event {line} needs an eventID {wanted}: it is part of what is signed",
                line=line,
                member="eventID",
            )


def check_parts(sealed: SealedSubmission, count: int) -> tuple[SealedPart, ...]:
    """Return what the client chose for each event: an entry, with one commitment each.

    Raise ``SealedMismatchError``.
    """
    parts = sealed_parts(sealed)
    if len(parts) != count:
        raise SealedMismatchError(
            f"the document makes {count} entries, {len(parts)} were signed", entries=count
        )
    for line, part in enumerate(parts):
        if len(part.openings) != 1:
            raise SealedMismatchError(
                f"entry {line} has {len(part.openings)} commitments; an event has one",
                line=line,
                member="commitments",
            )
    return parts
