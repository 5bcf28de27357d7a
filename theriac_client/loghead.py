"""A log's signed heads, trusted under its pinned key and a policy of witnesses."""

from dataclasses import dataclass

from foundation.core.problem import BadInputError
from ledger.core.checkpoint import Checkpoint, parse_checkpoint
from ledger.core.note import Signed, VerifierKey, check_note, parse_note
from ledger.core.policy import Policy, has_quorum
from theriac_client.errors import AnswerError

NO_POLICY = Policy()


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A checkpoint that holds: ``note`` as it came, ``cosigned`` by these witnesses."""

    note: bytes
    checkpoint: Checkpoint
    cosigned: tuple[Signed, ...] = ()

    @property
    def size(self) -> int:
        """How many leaves it covers."""
        return self.checkpoint.size

    @property
    def root(self) -> bytes:
        """The root over them."""
        return self.checkpoint.root

    @property
    def cosigned_at_s(self) -> int:
        """The newest time that a witness gave, 0 where none did."""
        return max((signed.timestamp_s or 0 for signed in self.cosigned), default=0)

    def quorum_at_s(self, policy: Policy) -> int:
        """Return since when the policy's quorum stands behind this head, 0 without a quorum.

        One witness alone, with a clock of its own, cannot move it.
        """
        if policy.quorum is None:
            return 0
        times = sorted({signed.timestamp_s or 0 for signed in self.cosigned}, reverse=True)
        for time_s in times:
            later = [each.key for each in self.cosigned if (each.timestamp_s or 0) >= time_s]
            if has_quorum(policy, later):
                return time_s
        return 0


def open_head(note: bytes, *, vkey: VerifierKey, policy: Policy = NO_POLICY) -> Head:
    """Return the head that a note is.

    Raise ``AnswerError`` where the log's key did not sign it, a known witness' signature fails,
    or the policy's quorum is missing. Anybody on the way can cause that: it proves nothing.
    """
    try:
        parsed = parse_note(note)
        signed = check_note(parsed, [vkey, *policy.witness_keys])
        checkpoint = parse_checkpoint(parsed.text)
    except BadInputError as error:
        raise AnswerError(f"the checkpoint does not hold: {error.detail}") from error
    keys = [each.key for each in signed]
    if vkey not in keys:
        raise AnswerError("the log's key did not sign this checkpoint")
    if checkpoint.origin != vkey.name or checkpoint.extensions:
        raise AnswerError(f"a checkpoint of {checkpoint.origin[:64]!a}, not of {vkey.name}")
    if not has_quorum(policy, keys):
        raise AnswerError("the checkpoint lacks the cosignatures that the policy demands")
    cosigned = tuple(each for each in signed if each.key != vkey)
    return Head(note=note, checkpoint=checkpoint, cosigned=cosigned)
