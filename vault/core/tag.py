"""One-time tags: how the ledger names a person without naming anyone.

Organisation and person share one secret and one counter without gaps. Each entry about the
person carries the next tag: to others two tags have nothing in common; the person, who holds
the secret, finds them all and sees which are missing.
"""

import hmac
import itertools
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from hashlib import sha256

from foundation.core.problem import BadInputError

LABEL = b"theriac/tag/v1\n"
SECRET_SIZE_BYTES = 32
COUNTER_FIRST = 1
COUNTER_MAX = 2**64 - 1
_COUNTER_SIZE_BYTES = 8


class TagError(BadInputError):
    """The secret is no tag secret, or the counter is outside 1 to 2^64 - 1."""

    slug = "bad-tag"
    title = "No tag can be made of this"


@dataclass(frozen=True, slots=True, kw_only=True)
class TagSearch:
    """Which of a person's counters have an entry among those looked at, and which do not."""

    found: tuple[int, ...]
    gaps: tuple[int, ...]


def make_tag(secret: bytes, counter: int) -> str:
    """Return the person's tag number ``counter`` (from 1): 64 hexadecimal digits.

    HMAC-SHA256 under the secret, over the label and the counter as u64 big-endian. Raise
    ``TagError`` for a secret that is not 32 bytes and for a counter outside the range.
    """
    if len(secret) != SECRET_SIZE_BYTES:
        raise TagError(f"a secret of {len(secret)} bytes, not {SECRET_SIZE_BYTES}")
    if not COUNTER_FIRST <= counter <= COUNTER_MAX:
        raise TagError(f"a counter outside {COUNTER_FIRST} to 2^64 - 1")
    message = LABEL + counter.to_bytes(_COUNTER_SIZE_BYTES, "big")
    return hmac.new(secret, message, sha256).hexdigest()


def person_tags(secret: bytes, up_to: int) -> Iterator[tuple[int, str]]:
    """Yield (counter, tag) from the first to ``up_to``, that one too; none for 0."""
    for counter in range(COUNTER_FIRST, up_to + 1):
        yield counter, make_tag(secret, counter)


def find_tags(secret: bytes, up_to: int, *, seen: Collection[str]) -> TagSearch:
    """Return which tags up to ``up_to`` are among those ``seen`` on the ledger, and the gaps.

    A gap is an act about the person that was counted and whose entry is not shown.
    """
    known = frozenset(seen)
    pairs = [(counter, tag in known) for counter, tag in person_tags(secret, up_to)]
    counters, is_found = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    return TagSearch(
        found=tuple(itertools.compress(counters, is_found)),
        gaps=tuple(itertools.compress(counters, [not found for found in is_found])),
    )
