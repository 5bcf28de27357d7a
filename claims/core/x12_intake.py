"""From an interchange to its claims and to what its 999 says; nothing is dropped in silence."""

from dataclasses import dataclass, replace
from datetime import date

from claims.core.model import ClaimDocument
from claims.core.x12 import Interchange, TransactionSet
from claims.core.x12_837 import read_837p
from claims.core.x12_999 import (
    GROUP_UNSUPPORTED,
    GROUP_VERSION_UNSUPPORTED,
    SET_CONVENTION_UNSUPPORTED,
    SET_UNSUPPORTED,
    GroupResult,
    SetResult,
)

FUNCTIONAL_ID = "HC"
# X222A2 is an erratum that changes nothing that is read here.
VERSIONS = frozenset({"005010X222A1", "005010X222A2"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """What an interchange holds, and what its 999 says."""

    documents: tuple[ClaimDocument, ...]
    groups: tuple[GroupResult, ...]


def read_interchange(interchange: Interchange, *, latest: date) -> Intake:
    """Return the claims in ``interchange`` and the results to acknowledge; nothing is raised.

    ``latest`` is the last day on which a service may have begun (``latest_service_date``).
    """
    documents: list[ClaimDocument] = []
    groups: list[GroupResult] = []
    for group in interchange.groups:
        version = group.header.element(8)
        codes = list(group.codes)
        if group.header.element(1) != FUNCTIONAL_ID:
            codes.append(GROUP_UNSUPPORTED)
        elif version not in VERSIONS:
            codes.append(GROUP_VERSION_UNSUPPORTED)
        read = [_read_set(each, version, interchange, latest) for each in group.sets]
        result = GroupResult(
            functional_id=group.header.element(1),
            control_number=group.header.element(6),
            version=version,
            declared_count=group.declared_count,
            sets=tuple(result for result, _ in read),
            codes=tuple(codes),
        )
        groups.append(result)
        if not codes:
            documents += [each for _, found in read for each in found]
    return Intake(documents=tuple(documents), groups=tuple(groups))


def _read_set(
    transaction_set: TransactionSet, version: str, interchange: Interchange, latest: date
) -> tuple[SetResult, tuple[ClaimDocument, ...]]:
    header = transaction_set.header
    result = SetResult(
        set_id=header.element(1),
        control_number=header.element(2),
        version=header.element(3),
        codes=transaction_set.codes,
    )
    if result.set_id != "837":
        return replace(result, codes=(*result.codes, SET_UNSUPPORTED)), ()
    if version not in VERSIONS or result.version != version:
        return replace(result, codes=(*result.codes, SET_CONVENTION_UNSUPPORTED)), ()
    reading = read_837p(transaction_set, interchange.delimiters.component, latest=latest)
    result = replace(result, faults=reading.faults)
    return result, () if result.verdict == "R" else reading.documents
