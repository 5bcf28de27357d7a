"""``Prefer: wait=…`` (RFC 7240): whoever wants it gets the sequenced receipt, not the promise.

Waiting is looking whenever a head was signed or cosigned, each time in a transaction of its own as
the organisation whose receipt it is: the write it waits for is committed, and nothing is held
meanwhile.
"""

import re
import time
from uuid import UUID

from foundation.core.actor import organisation_actor
from foundation.notices import listening
from foundation.tenancy import acting_as
from ledger.core.sequenced import Sequenced
from ledger.selectors import HEADS, log_of_origin
from ledger.services.proofs import sequenced_of

WAIT_S_MAX = 10
_LOOK_S = 0.5  # without word of a new head, which may be lost
_WAIT = re.compile(r'(?:^|,)\s*wait\s*=\s*"?([0-9]{1,9})"?\s*(?:$|[,;])', re.IGNORECASE)


def wait_wanted(prefer: str) -> int | None:
    """Return how many seconds the header asks to wait, ten at the most; ``None`` for no wish."""
    found = _WAIT.search(prefer)
    return None if found is None else min(int(found[1]), WAIT_S_MAX)


def sequenced_wait(
    *, origin: str, organisation_id: UUID, submission_id: UUID, wait_s: int
) -> Sequenced | None:
    """Return where the submission stands, waiting up to so many seconds; ``None`` where nowhere."""
    end = time.monotonic() + wait_s
    with listening(HEADS) as wait:
        while True:
            with acting_as(organisation_actor(organisation_id)):
                found = sequenced_of(log_of_origin(origin), organisation_id, submission_id)
            left = end - time.monotonic()
            if found is not None or left <= 0:
                return found
            wait(min(left, _LOOK_S))
