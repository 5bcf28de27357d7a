"""Disclosures: one ledger entry for each answered request, over a committed list.

The entry shows a one-time tag and how many records; which ones, to whom and why is committed to
and lies in the vault. It is written before the first byte leaves.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from uuid import UUID

from foundation.core.problem import BadInputError
from ledger.core.canonical import CanonicalError, Json, canonical_bytes, parse_canonical

DISCLOSURE_MADE = "records.disclosure.made.v1"


class DisclosureError(BadInputError):
    """A record stands twice in the list, or the bytes are no list of disclosed records."""

    slug = "bad-disclosure"
    title = "This is no disclosure"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class DisclosedRecord:
    """One version of one record; ``commitment`` is what the ledger shows of it."""

    record: UUID
    version: int
    commitment: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Disclosure:
    """What the entry is made of: ``body`` is public, ``header`` and ``data`` are committed to."""

    body: Mapping[str, Json]
    header: bytes
    data: bytes


def plan_disclosure(
    *, tag: str, records: Iterable[DisclosedRecord], receipt: Mapping[str, Json]
) -> Disclosure:
    """Return the entry's body, and the header and data of its commitment.

    ``receipt`` is the decision's (`records.core.consent.decision_receipt`). No record at all is a
    disclosure too: that somebody asked is what the person wants to see. Raise
    ``DisclosureError`` for a record that stands twice.
    """
    data = format_disclosed(records, receipt)
    count = len(parse_disclosed(data)[0])
    header = canonical_bytes({"kind": DISCLOSURE_MADE, "count": count})
    return Disclosure(body={"tag": tag, "count": count}, header=header, data=data)


def format_disclosed(records: Iterable[DisclosedRecord], receipt: Mapping[str, Json]) -> bytes:
    """Return the canonical bytes of the list, in the order of record and version, and receipt."""
    ordered = sorted(records)
    keys = [(each.record, each.version) for each in ordered]
    twice = next((key for key, after in pairwise(keys) if key == after), None)
    if twice is not None:
        raise DisclosureError(f"version {twice[1]} of record {twice[0]} stands twice")
    listed = [
        {
            "record": str(each.record),
            "version": each.version,
            "commitment": each.commitment.hex(),
        }
        for each in ordered
    ]
    return canonical_bytes({"records": listed, "receipt": dict(receipt)})


def parse_disclosed(data: bytes) -> tuple[tuple[DisclosedRecord, ...], Mapping[str, Json]]:
    """Return the list and the receipt; raise ``DisclosureError`` for any other bytes."""
    try:
        value = parse_canonical(data)
    except CanonicalError as error:
        raise DisclosureError(error.detail) from error
    if not isinstance(value, dict) or value.keys() != {"records", "receipt"}:
        raise DisclosureError("the bytes hold no records and receipt")
    listed, receipt = value["records"], value["receipt"]
    if not isinstance(listed, list) or not isinstance(receipt, dict):
        raise DisclosureError("the bytes hold no list of records and no receipt")
    records = tuple(_parse_record(each, at) for at, each in enumerate(listed))
    if format_disclosed(records, receipt) != data:
        raise DisclosureError("the list is not in its one order and spelling")
    return records, receipt


def _parse_record(value: object, at: int) -> DisclosedRecord:
    match value:
        case {
            "record": str(record),
            "version": int(version),
            "commitment": str(commitment),
        } if not isinstance(version, bool):
            try:
                return DisclosedRecord(
                    record=UUID(record), version=version, commitment=bytes.fromhex(commitment)
                )
            except ValueError:
                pass
    raise DisclosureError(f"records[{at}] names no version of a record")
