"""What a full verification says: what was covered, and what is wrong."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TypeAlias

from ledger.core.verify import Fault, LogVerifier, StoredLeaf

FAULTS_MAX = 100
# Called with the leaves read so far, and how many there are.
Progress: TypeAlias = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was covered, and what is wrong, the first bad index first."""

    size: int
    submissions: int
    entries: int
    faults: tuple[Fault, ...]

    @classmethod
    def of(cls, verifier: LogVerifier, faults: Iterable[Fault]) -> "Verdict":
        """Return the verdict of a verifier that has read all it can."""
        ordered = sorted(faults, key=lambda fault: fault.index)
        return cls(
            size=verifier.size,
            submissions=verifier.submissions,
            entries=verifier.entries,
            faults=tuple(ordered[:FAULTS_MAX]),
        )

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults


def at_most(faults: Iterable[Fault]) -> list[Fault]:
    """Return the first of many faults: who reads them needs no more."""
    return list(islice(faults, FAULTS_MAX))


def silent(_done: int, _size: int) -> None:
    """Tell nobody how far the verification is."""


def told(leaves: Iterable[StoredLeaf], size: int, progress: Progress) -> Iterator[StoredLeaf]:
    """Yield the leaves, and tell after each how far it is."""
    for leaf in leaves:
        yield leaf
        progress(leaf.index + 1, size)
