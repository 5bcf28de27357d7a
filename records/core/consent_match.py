"""Does a rule match: the request now, each record later.

Between elements AND, inside an element OR, absent is any. What a record does not say (a label, a
date, an author) is unknown: a deny matches it, a permit does not.
"""

from collections.abc import Iterable

from records.core.consent_elements import LEVELS
from records.core.consent_values import (
    ACT_CODE,
    CONFIDENTIALITY,
    MEDIA_TYPES,
    AccessRequest,
    DataCriteria,
    DataMeaning,
    DataReference,
    RequestCriteria,
    Sense,
)
from records.core.fhir import RecordIndex
from records.core.fhir_json import Coding, DateRange

# Sensitivities that a wider one includes (v3-ActCode): substance abuse covers its two kinds.
_INCLUDES = {"ETH": frozenset({"ETH", "ETHUD", "OPIOIDUD"})}


def matches_request(criteria: RequestCriteria, request: AccessRequest, sense: Sense) -> bool:
    """Return whether a rule of this sense speaks about the request."""
    recipients = criteria.recipients
    parties = request.parties
    if sense is Sense.FORBID:
        parties |= request.unresolved
    return (
        (criteria.period is None or criteria.period.start <= request.time < criteria.period.end)
        and (recipients is None or not recipients.isdisjoint(parties))
        and (criteria.actions is None or request.action in criteria.actions)
        and (
            criteria.purposes is None
            or not criteria.purposes.isdisjoint(request.purposes_for(sense))
        )
    )


def matches_record(criteria: DataCriteria, record: RecordIndex, sense: Sense) -> bool:
    """Return whether a rule of this sense speaks about the record."""
    answers = [
        criteria.labels is None or _labels(criteria.labels, record, sense),
        criteria.classes is None or _classes(criteria.classes, record),
        criteria.codes is None or _shares(criteria.codes, record.codes),
        criteria.data_period is None or _period(criteria.data_period, record.dates, sense),
        criteria.custodians is None or _shares(criteria.custodians, record.custodians),
        criteria.authors is None or _shares(criteria.authors, record.authors),
        criteria.data is None or _any(_data(each, record) for each in criteria.data),
    ]
    if False in answers:
        return False
    return None not in answers or sense is Sense.FORBID


def confidentiality_of(labels: Iterable[Coding]) -> int | None:
    """Return the highest level among security labels as its place in ``LEVELS``.

    None where there is none, or one that v3-Confidentiality does not know.
    """
    codes = [label.code for label in labels if label.system == CONFIDENTIALITY]
    if not codes or not set(codes) <= set(LEVELS):
        return None
    return max(map(LEVELS.index, codes))


def _labels(wanted: frozenset[Coding], record: RecordIndex, sense: Sense) -> bool | None:
    """Compare levels: a permit covers its own and those below, a deny those above."""
    level = confidentiality_of(record.labels)
    return _any(_label(label, record, level, sense) for label in wanted)


def _label(label: Coding, record: RecordIndex, level: int | None, sense: Sense) -> bool | None:
    if label.system == CONFIDENTIALITY:
        if level is None:
            return None
        bound = LEVELS.index(label.code)
        return level <= bound if sense is Sense.PERMIT else level >= bound
    codes = _INCLUDES.get(label.code) if label.system == ACT_CODE else None
    if any(
        each.system == label.system and each.code in (codes or {label.code})
        for each in record.labels
    ):
        return True
    # Nobody has looked at a record without a level, so its sensitivities are not known either.
    return None if level is None else False


def _classes(wanted: frozenset[Coding], record: RecordIndex) -> bool | None:
    if not wanted.isdisjoint(record.classes):
        return True
    asks_media_type = any(each.system == MEDIA_TYPES for each in wanted)
    return None if asks_media_type and record.is_opaque else False


def _period(wanted: DateRange, dates: tuple[DateRange, ...], sense: Sense) -> bool | None:
    """Compare times: a permit needs all of the dates inside, a deny any moment of them."""
    if not dates:
        return None
    if sense is Sense.PERMIT:
        return all(wanted.start <= each.start and each.end <= wanted.end for each in dates)
    return any(each.start < wanted.end and wanted.start < each.end for each in dates)


def _data(wanted: DataReference, record: RecordIndex) -> bool | None:
    if wanted.meaning is DataMeaning.AUTHOREDBY:
        return _shares(frozenset({wanted.reference}), record.authors)
    if (
        record.reference == wanted.reference
        or (wanted.refers_to and wanted.reference in record.references)
        or (wanted.referred_by and wanted.reference in (record.referenced_by or ()))
    ):
        return True
    is_unknown = record.reference is None or (wanted.referred_by and record.referenced_by is None)
    return None if is_unknown else False


def _shares(wanted: frozenset[object], found: frozenset[object]) -> bool | None:
    return None if not found else not wanted.isdisjoint(found)


def _any(answers: Iterable[bool | None]) -> bool | None:
    """Return True if one is, else None if one is unknown, else False."""
    found = set(answers)
    if True in found:
        return True
    return None if None in found else False
