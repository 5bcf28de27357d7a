"""The implementation acknowledgement 999 (005010X231A1): what was taken and what was not.

One for each interchange received. Nothing in it comes from a clock or from chance: numbers and
time are the caller's. It names places and codes, never the data found there.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from claims.core.x12 import Draft, Envelope, format_interchange

VERSION = "005010X231A1"
FUNCTIONAL_ID = "FA"
SETS_COUNT_LENGTH = 6

# IK502 / AK905: codes of X12 618 and 715 that we use beyond those of the envelope.
SET_UNSUPPORTED, SET_SEGMENTS_IN_ERROR, SET_CONVENTION_UNSUPPORTED = "1", "5", "I6"
GROUP_UNSUPPORTED, GROUP_VERSION_UNSUPPORTED = "1", "2"


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentFault:
    """A fault in a segment: where it stands in its set (ST is 1), X12's codes, our reason.

    ``code`` is IK304; ``element`` and ``element_code`` are IK401 and IK403. A fault that is not
    ``fatal`` is noted, and the set is taken all the same. ``reason`` never holds patient data.
    """

    position: int
    segment_id: str
    code: str
    reason: str
    element: int | None = None
    element_code: str = ""
    fatal: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SetResult:
    """What became of one transaction set; ``codes`` are IK502 and refuse it."""

    set_id: str
    control_number: str
    version: str
    codes: tuple[str, ...] = ()
    faults: tuple[SegmentFault, ...] = ()

    @property
    def verdict(self) -> str:
        """A accepted, E accepted with errors noted, R refused (IK501)."""
        if self.codes or any(fault.fatal for fault in self.faults):
            return "R"
        return "E" if self.faults else "A"


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupResult:
    """What became of one functional group; ``codes`` are AK905 and refuse it."""

    functional_id: str
    control_number: str
    version: str
    declared_count: str
    sets: tuple[SetResult, ...]
    codes: tuple[str, ...] = ()

    @property
    def accepted(self) -> tuple[SetResult, ...]:
        """The sets that were taken."""
        return () if self.codes else tuple(each for each in self.sets if each.verdict != "R")

    @property
    def verdict(self) -> str:
        """A, E, P some sets refused, R all refused (AK901)."""
        if not self.accepted:
            return "R"
        if len(self.accepted) < len(self.sets):
            return "P"
        return "E" if any(each.verdict == "E" for each in self.sets) else "A"


def format_999(groups: Sequence[GroupResult], envelope: Envelope) -> bytes:
    """Return the 999 for the groups of one interchange: one set for each group.

    Raise ``X12TextError`` where a received control number cannot be repeated.
    """
    sets = [_set_999(group, number) for number, group in enumerate(groups, 1)]
    return format_interchange(envelope, functional_id=FUNCTIONAL_ID, version=VERSION, sets=sets)


def _set_999(group: GroupResult, number: int) -> list[Draft]:
    drafts: list[Draft] = [
        ("ST", "999", f"{number:04d}", VERSION),
        ("AK1", group.functional_id, group.control_number, group.version),
    ]
    for result in group.sets:
        drafts.append(("AK2", result.set_id, result.control_number, result.version))
        for fault in result.faults:
            drafts.append(("IK3", fault.segment_id, str(fault.position), "", fault.code))
            if fault.element is not None:
                drafts.append(("IK4", str(fault.element), "", fault.element_code))
        in_error = [SET_SEGMENTS_IN_ERROR] if result.faults else []
        codes = () if result.verdict == "A" else (*result.codes, *in_error)
        # A group that is refused takes its sets with it.
        verdict = "R" if group.codes else result.verdict
        drafts.append(("IK5", verdict, *codes[:5]))
    counts = (group.declared_count, str(len(group.sets)), str(len(group.accepted)))
    drafts.append(("AK9", group.verdict, *counts, *group.codes[:5]))
    return drafts
