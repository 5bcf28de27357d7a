"""Reads: decided by consent, entered, and only then answered, with the bytes as received.

What is missing and what is refused answer alike, and either way the holder enters one
disclosure: nobody can tell from answer or ledger whether something is there.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from accounts.core.scopes import Scope, organisation_with
from accounts.selectors import organisation_get
from foundation.core.problem import ForbiddenError
from foundation.tenancy import acting_as
from ledger.core.canonical import Json
from ledger.core.receipt import Receipt
from records.core.break_glass import BreakGlass
from records.core.consent_values import ETREAT
from records.core.search import PersonName
from records.keeping import Seeds, nobody_ensure, records_find, subject_find
from records.models import Record
from records.selectors import newest_of, newest_of_subject
from records.services.break_glass import glasses_running
from records.services.deciding import Asking, Opened, open_records, rule_on
from records.services.disclosures import disclosure_write, empty_reads_check


class EmergencyError(ForbiddenError):
    """An emergency is declared by breaking the glass, not in a header."""

    slug = "break-glass-first"
    title = "The glass is not broken for this patient"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownRecord:
    """A record as it was received, with its type, id and version."""

    type: str
    id: str
    version: int
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What may be shown, how many there are in all, and the receipt of the entry that says so.

    ``decision`` is why, for the holder's own people alone: reasons tell of consents. There is
    none about nobody known.
    """

    records: tuple[ShownRecord, ...]
    total: int
    receipt: Receipt
    decision: Mapping[str, Json] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """What is asked for: ``whom`` it is about (``None``: nobody known), and the newest ``rows``.

    Whom it is about never changes; the rows are found once that person's consents are held.
    """

    whom: Callable[[], UUID | None]
    rows: Callable[[UUID], Sequence[Record]]


def record_read(*, asking: Asking, type_: str, id_: str, seeds: Seeds) -> Shown:
    """Return a record by type and id, or nothing where it is missing or not to be shown.

    Raise ``MissingScopeError``, ``NotFoundError`` for a holder that is no member of the channel,
    ``EmergencyError``, or ``ThrottledError`` for who was shown nothing too often.
    """
    holder = asking.holder

    def newest() -> list[Record]:
        (record_id,) = records_find(actor=holder, names=[(type_, id_)])
        ids = [] if record_id is None else [record_id]
        return list(newest_of(organisation_id=asking.holder_id, record_ids=ids).values())

    def whom() -> UUID | None:
        opened = open_records(holder, newest())  # what was erased is about nobody
        return opened[0].row.subject_id if opened else None

    wanted = _Wanted(whom=whom, rows=lambda _: newest())
    return _answer(asking, wanted, page=slice(0, 1), seeds=seeds, named=None)


def record_search(
    *, asking: Asking, type_: str, person: PersonName, page: slice, seeds: Seeds
) -> Shown:
    """Return the records of a type about a person, as far as they may be shown; raises so too."""
    wanted = _Wanted(
        whom=lambda: subject_find(asking.holder, person),
        rows=lambda subject_id: newest_of_subject(
            organisation_id=asking.holder_id, subject_id=subject_id, types=(type_,)
        ),
    )
    return _answer(asking, wanted, page=page, seeds=seeds, named=person)


def access_explain(
    *, asking: Asking, person: PersonName, seeds: Seeds
) -> tuple[Mapping[str, Json], Receipt]:
    """Return what a person's consents decide of this request, and why; it shows no record.

    Only who belongs to the holder learns it: reasons tell of consents. It is a disclosure of
    nothing, and entered as such. Raise ``ForbiddenError``, or what ``record_read`` raises.
    """
    reading_check(asking)
    if not asking.is_inside:
        raise ForbiddenError("only the holder's own people learn why its records open or not")
    with acting_as(asking.holder):
        empty_reads_check(holder=asking.holder, reader=asking.reader, now=asking.now)
        subject_id = subject_find(asking.holder, person)
        about = subject_id or nobody_ensure(actor=asking.holder, now=asking.now)
        ruling = rule_on(asking, subject_id=about)
        receipt = disclosure_write(
            holder=asking.holder,
            reader=asking.reader,
            subject_id=about,
            records=(),
            receipt=ruling.receipt,
            seeds=seeds,
            now=asking.now,
        )
        return ruling.receipt, receipt


def reading_check(asking: Asking) -> None:
    """Raise what ``record_read`` says unless the reader may ask the holder at all."""
    organisation_with(asking.reader, Scope.RECORDS_READ)
    with acting_as(asking.reader):
        organisation_get(asking.holder_id)
    if asking.purpose == ETREAT.code:
        raise EmergencyError("break the glass under /api/v1/break-glass, then read as BTG")


def _answer(
    asking: Asking, wanted: _Wanted, *, page: slice, seeds: Seeds, named: PersonName | None
) -> Shown:
    reading_check(asking)
    holder = asking.holder
    with acting_as(holder):
        # A broken glass is never in the way of care, and without one nothing is entered.
        if not asking.is_emergency:
            empty_reads_check(holder=holder, reader=asking.reader, now=asking.now)
        subject_id = wanted.whom()
        about = subject_id or nobody_ensure(actor=holder, now=asking.now)
        glasses = _glasses(asking, subject_id, about, named) if asking.is_emergency else {}
        ruling = rule_on(asking, subject_id=about, glass=bool(glasses))
        # Only now: one submission may change a record together with who may see it.
        rows = [] if subject_id is None else wanted.rows(subject_id)
        found = open_records(holder, rows)
        shown = [
            each
            for each in found
            if ruling.permits(each) and (not glasses or _opens(glasses, each, asking))
        ]
        glass_ids: dict[str, Json] = {"glasses": sorted(map(str, glasses))} if glasses else {}
        receipt = disclosure_write(
            holder=holder,
            reader=asking.reader,
            subject_id=about,
            records=[each.disclosed for each in shown[page]],
            receipt={**ruling.receipt, **glass_ids},
            seeds=seeds,
            now=asking.now,
        )
        return Shown(
            records=tuple(_shown(each) for each in shown[page]),
            total=len(shown),
            receipt=receipt,
            decision=ruling.receipt if asking.is_inside and subject_id is not None else None,
        )


def _glasses(
    asking: Asking, subject_id: UUID | None, about: UUID, named: PersonName | None
) -> dict[UUID, BreakGlass]:
    """Return the reader's running openings for this patient; raise ``EmergencyError``.

    Where nobody is known, only an opening by the very same name counts: whether a name is known
    is told by no difference between two names.
    """
    found: dict[UUID, BreakGlass] = {}
    if (subject_id or named) is not None:
        found = glasses_running(
            reader=asking.reader,
            holder=asking.holder,
            subject_id=about,
            person=None if subject_id is not None else named,
            now=asking.now,
        )
    if not found:
        raise EmergencyError("break the glass for this patient under /api/v1/break-glass first")
    return found


def _opens(glasses: Mapping[UUID, BreakGlass], record: Opened, asking: Asking) -> bool:
    return any(
        glass.opens(record_type=record.row.resource_type, time=asking.now)
        for glass in glasses.values()
    )


def _shown(opened: Opened) -> ShownRecord:
    index = opened.index
    assert index.id is not None, "intake saw to it"
    return ShownRecord(type=index.type, id=index.id, version=opened.row.version, data=opened.data)
