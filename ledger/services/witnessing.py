"""Having our own log witnessed: each round asks every witness of the policy for the newest head.

A program of its own does this, never the sequencer: a slow witness delays publishing, not
sequencing. A witness that knows a larger log than ours has seen what we lost: the log freezes.
"""

import datetime as dt
import logging
from collections.abc import Collection, Mapping

from django.db.models import Max

from foundation.core.actor import SYSTEM
from foundation.notices import notify
from foundation.tenancy import acting_as
from ledger.core.note import VerifierKey, format_vkey, parse_note
from ledger.core.policy import Policy, PolicyError, witness_addresses
from ledger.core.witness import Answer, format_add_checkpoint, read_answer
from ledger.errors import FrozenError
from ledger.models import Cosignature, LogFreeze
from ledger.selectors import HEADS, Head, LogInfo, checkpoint_latest, consistency_proof
from ledger.services.asking import Question, ask_all
from ledger.services.sequencing import log_freeze

logger = logging.getLogger(__name__)

_WAVES = 2  # a witness that names its last size is asked once more at once
_PAUSE_MAX = dt.timedelta(seconds=30)
_REFUSED_HISTORY = "status 422"


def is_witnessed(log: LogInfo, policy: Policy) -> bool:
    """Return whether the policy is about this log: it names it, or none."""
    return not policy.logs or log.vkey in {format_vkey(each.key) for each in policy.logs}


class Witnessing:
    """Asks the witnesses of one log; ``round`` again and again."""

    def __init__(self, log: LogInfo, policy: Policy, *, timeout_s: float) -> None:
        """Ask for ``log``; raise ``PolicyError`` for a policy that is not about it."""
        if not is_witnessed(log, policy):
            raise PolicyError(f"the policy names other logs than {log.origin}")
        self.log, self.timeout_s = log, timeout_s
        self._addresses = witness_addresses(policy)
        self._sizes: dict[VerifierKey, int] = {}  # what each witness cosigned last
        self._pauses: dict[VerifierKey, tuple[int, dt.datetime]] = {}
        # Who answered since this program started. Until then everybody is asked, cosigned or not:
        # a database that was restored from a copy believes in its old head.
        self._met: set[VerifierKey] = set()

    def round(self, *, now: dt.datetime) -> int:
        """Ask whoever has not cosigned the newest head; return how many cosignatures came.

        The first time everybody is asked, so that a log that was rolled back is found. Raise
        ``FrozenError`` where a witness knows a larger log than is here.
        """
        asked: Collection[VerifierKey] = [
            key for key in self._addresses if key not in self._pauses or self._pauses[key][1] <= now
        ]
        found = 0
        for _ in range(_WAVES):
            with acting_as(SYSTEM):
                head, questions = self._questions(asked)
            if head is None or not questions:
                break
            text = parse_note(head.note.encode()).text
            answers = {
                key: Answer(trouble=reply)
                if isinstance(reply, str)
                else read_answer(reply, text=text, key=key)
                for key, reply in ask_all(questions, timeout_s=self.timeout_s).items()
            }
            found += self._keep(head, answers, now)
            self._pause(answers, now)
            asked = self._behind(head, answers, now)
        return found

    def _questions(
        self, asked: Collection[VerifierKey]
    ) -> tuple[Head | None, dict[VerifierKey, Question]]:
        """Return the newest head, and the request for it to each witness that is to sign it."""
        head = checkpoint_latest(self.log)
        if head is None or LogFreeze.objects.filter(log_id=self.log.id).exists():
            return None, {}
        cosigned = set(
            Cosignature.objects.filter(log_id=self.log.id, size=head.size).values_list(
                "vkey", flat=True
            )
        )
        questions = {}
        for key in asked:
            if format_vkey(key) in cosigned and key in self._met:
                continue
            # Whoever cosigned more than there is now is told 0, and answers what it knows.
            old = size if (size := self._last_size(key)) <= head.size else 0
            proof = (
                consistency_proof(self.log, old=old, new=head.size) if 0 < old < head.size else []
            )
            questions[key] = Question(
                address=self._addresses[key],
                body=format_add_checkpoint(old_size=old, proof=proof, note=head.note.encode()),
            )
        return head, questions

    def _last_size(self, key: VerifierKey) -> int:
        """Return what the witness cosigned last, as far as is known here."""
        if key not in self._sizes:
            rows = Cosignature.objects.filter(log_id=self.log.id, vkey=format_vkey(key))
            self._sizes[key] = rows.aggregate(size=Max("size"))["size"] or 0
        return self._sizes[key]

    def _keep(self, head: Head, answers: Mapping[VerifierKey, Answer], now: dt.datetime) -> int:
        """Store the cosignatures that came; each was verified."""
        rows = [
            Cosignature(
                log_id=self.log.id,
                size=head.size,
                vkey=format_vkey(key),
                line=answer.line,
                timestamp_s=answer.timestamp_s,
                received_at=now,
            )
            for key, answer in answers.items()
            if answer.line
        ]
        with acting_as(SYSTEM):
            # Another program that asks may have been quicker.
            Cosignature.objects.bulk_create(rows, ignore_conflicts=True)
            if rows:
                notify(HEADS)
        self._sizes |= {key: head.size for key, answer in answers.items() if answer.line}
        return len(rows)

    def _pause(self, answers: Mapping[VerifierKey, Answer], now: dt.datetime) -> None:
        """Leave whoever did not answer well alone for a while, longer each time."""
        for key, answer in answers.items():
            if not answer.trouble:
                self._pauses.pop(key, None)
                self._met.add(key)
                continue
            failures = self._pauses.get(key, (0, now))[0] + 1
            pause = min(_PAUSE_MAX, dt.timedelta(seconds=2 ** min(failures - 1, 8)))
            self._pauses[key] = (failures, now + pause)
            # 422: what it saw of this log before is not what we have.
            level = logging.CRITICAL if answer.trouble == _REFUSED_HISTORY else logging.WARNING
            logger.log(
                level,
                "a witness did not cosign",
                extra={"witness": key.name, "problem": answer.trouble, "attempt": failures},
            )

    def _behind(
        self, head: Head, answers: Mapping[VerifierKey, Answer], now: dt.datetime
    ) -> list[VerifierKey]:
        """Return who named another size than we said; freeze where it is larger than the log."""
        behind = []
        for key, answer in answers.items():
            if answer.size is None:
                continue
            self._sizes[key] = answer.size
            if answer.size > head.size:
                self._check_not_rolled_back(key, answer.size, now)
            else:
                behind.append(key)
        return behind

    def _check_not_rolled_back(self, key: VerifierKey, size: int, now: dt.datetime) -> None:
        with acting_as(SYSTEM):
            newest = checkpoint_latest(self.log)
        ours = 0 if newest is None else newest.size
        # Meanwhile the log may have grown, and another program have asked for more.
        if size <= ours:
            return
        reason = f"{key.name} cosigned {size} leaves, here are {ours}: the log was rolled back"
        log_freeze(self.log, reason, now=now)
        raise FrozenError(reason)
