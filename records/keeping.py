"""What records keep of a patient goes to the vault from here, and comes back from here.

The one place that knows the vault's calls and how a record is named there.
"""

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from foundation.core.actor import Actor
from ledger.core.bundle import Opening
from ledger.core.canonical import Json, canonical_bytes, parse_canonical
from records.core.intake import Incoming
from records.core.search import PersonName
from vault.errors import ErasedError, UnknownItemError, UnreadableItemError
from vault.services import (
    ItemDraft,
    LookupDraft,
    Sealed,
    lookup_find_many,
    lookup_put_many,
    openings_get,
    personal_put_many,
    subjects_ensure,
    subjects_find,
)

# A Patient's own id names the person as its identifiers do.
PATIENT_SYSTEM = "urn:theriac:fhir:Patient"
_THING_SYSTEM = "urn:theriac:fhir:"
# Readings of people who are not known are entries about this nobody.
_NOBODY = ("urn:theriac:records", "nobody")
MEDIA_TYPE = "application/fhir+json"

# Returns 32 random bytes at each call; the interface gives it.
Seeds = Callable[[], bytes]


class Holder(StrEnum):
    """What of a person is kept here, as the vault's registry names it."""

    RECORD = "records.record"
    DISCLOSURE = "records.disclosure"
    GLASS = "records.glass"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A record as it was received, and the references that its bundle spelled otherwise."""

    data: bytes
    links: Mapping[str, str]


def new_id(seeds: Seeds) -> UUID:
    """Return a random UUID (version 4) made of the next seed."""
    return UUID(bytes=seeds()[:16], version=4)


def patients_find(*, actor: Actor, ids: Collection[str]) -> dict[str, UUID]:
    """Return the subjects of these Patients' ids; unknown ones are left out."""
    pairs = [(PATIENT_SYSTEM, id_) for id_ in ids]
    found = subjects_find(actor=actor, identifiers=pairs)
    return {id_: subject_id for (_, id_), subject_id in found.items()}


def subject_find(actor: Actor, person: PersonName) -> UUID | None:
    """Return whom the name means among those that ``actor`` keeps."""
    pair = (person.system or PATIENT_SYSTEM, person.value)
    return subjects_find(actor=actor, identifiers=[pair]).get(pair)


def people_ensure(*, actor: Actor, incoming: Sequence[Incoming], now: dt.datetime) -> list[UUID]:
    """Return the subjects of Patients, and of resources about nobody: each is its own."""
    people = [
        [(PATIENT_SYSTEM, one.id), *one.identifiers]
        if one.index.type == "Patient"
        else [(_THING_SYSTEM + one.index.type, one.id)]
        for one in incoming
    ]
    return list(subjects_ensure(actor=actor, people=people, now=now))


def nobody_ensure(*, actor: Actor, now: dt.datetime) -> UUID:
    """Return the subject that readings of unknown people are entered under."""
    return subjects_ensure(actor=actor, people=[[_NOBODY]], now=now)[0]


def records_find(*, actor: Actor, names: Sequence[tuple[str, str]]) -> list[UUID | None]:
    """Return the ids of the records of these types and ids."""
    found = lookup_find_many(actor=actor, holder=Holder.RECORD, wanted=names)
    return [refs[0] if refs else None for refs in found]


def records_name(*, actor: Actor, named: Sequence[tuple[tuple[str, str], UUID, UUID]]) -> None:
    """Let new records be found by type and id: (type and id, subject, record) each."""
    lookup_put_many(
        actor=actor,
        lookups=[
            LookupDraft(subject_id=subject_id, holder=Holder.RECORD, parts=name, ref=record_id)
            for name, subject_id, record_id in named
        ],
    )


def records_keep(
    *, actor: Actor, incoming: Sequence[tuple[Incoming, UUID, UUID]], seeds: Seeds
) -> tuple[Sealed, ...]:
    """Put resources, each with its subject and record, into the vault, byte for byte."""
    drafts = [
        ItemDraft(
            subject_id=subject_id,
            holder=Holder.RECORD,
            ref=record_id,
            media_type=MEDIA_TYPE,
            data=one.data,
            header=canonical_bytes(
                {"type": one.index.type, "links": [list(link) for link in one.links]}
            ),
            seed=seeds(),
        )
        for one, subject_id, record_id in incoming
    ]
    return personal_put_many(actor=actor, items=drafts)


def records_kept(*, actor: Actor, item_ids: Collection[UUID]) -> dict[UUID, Kept]:
    """Return records as received, each checked against its commitment."""
    openings = _openings(actor, item_ids)
    return {item_id: _kept(opening) for item_id, opening in openings.items()}


def disclosure_keep(
    *, actor: Actor, subject_id: UUID, header: bytes, data: bytes, seeds: Seeds
) -> Sealed:
    """Put the list of a disclosure, with its decision, into the vault."""
    draft = ItemDraft(
        subject_id=subject_id,
        holder=Holder.DISCLOSURE,
        ref=new_id(seeds),
        media_type="application/json",
        data=data,
        header=header,
        seed=seeds(),
    )
    return personal_put_many(actor=actor, items=[draft])[0]


def _kept(opening: Opening) -> Kept:
    header = parse_canonical(opening.header)
    assert isinstance(header, dict), "as it was put"
    links = header["links"]
    assert isinstance(links, list)
    return Kept(data=opening.data, links=dict(map(_pair, links)))


def _pair(link: object) -> tuple[str, str]:
    match link:
        case [str(full_url), str(reference)]:
            return full_url, reference
    raise AssertionError("a link is two texts, as it was put")


def disclosures_kept(*, actor: Actor, item_ids: Collection[UUID]) -> dict[UUID, bytes]:
    """Return the lists of disclosures; those that were erased are left out."""
    openings = _openings(actor, item_ids)
    return {item_id: opening.data for item_id, opening in openings.items()}


def _openings(actor: Actor, item_ids: Collection[UUID]) -> dict[UUID, Opening]:
    """Return what is left of these items: what was erased reads as if it had never been.

    Raise ``UnreadableItemError`` for what is damaged, or gone without an erasure: it never
    passes for erased.
    """
    try:
        return openings_get(actor=actor, item_ids=item_ids)
    except ErasedError:
        return {}
    except UnknownItemError as error:
        raise UnreadableItemError("an item is gone, and no erasure says so") from error


def glass_keep(
    *, actor: Actor, subject_id: UUID, ref: UUID, header: bytes, data: bytes, seeds: Seeds
) -> Sealed:
    """Put what is said of an opening, its explanation or its review into the vault."""
    draft = ItemDraft(
        subject_id=subject_id,
        holder=Holder.GLASS,
        ref=ref,
        media_type="application/json",
        data=data,
        header=header,
        seed=seeds(),
    )
    return personal_put_many(actor=actor, items=[draft])[0]


def glasses_kept(*, actor: Actor, item_ids: Collection[UUID]) -> dict[UUID, Mapping[str, Json]]:
    """Return what was said of openings; what was erased is left out."""
    found: dict[UUID, Mapping[str, Json]] = {}
    for item_id, opening in _openings(actor, item_ids).items():
        value = parse_canonical(opening.data)
        assert isinstance(value, dict), "as it was put"
        found[item_id] = value
    return found
