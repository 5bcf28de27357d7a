"""What the ledger refuses, each with its stable type."""

from foundation.core.problem import (
    ConflictError,
    ForbiddenError,
    NotFoundError,
    UnavailableError,
    UnprocessableError,
)


class NoLogError(UnavailableError):
    """The channel has no log yet."""

    slug = "no-log"
    title = "The channel has no log yet"


class ChannelExistsError(ConflictError):
    """The channel has its log already."""

    slug = "channel-exists"
    title = "The channel has its log already"


class NotAMemberError(ForbiddenError):
    """The organisation is no member of the channel that the request is about."""

    slug = "not-a-member"
    title = "Your organisation is no member of this channel"


class ChannelNotHereError(UnprocessableError):
    """The address writes and reads in the directory only, and the request names a channel."""

    slug = "channel-not-here"
    title = "This is not done in a channel of its own"


class SelfLinkError(UnprocessableError):
    """A channel is to be linked with itself."""

    slug = "self-link"
    title = "A channel is linked with another one"


class NoKeyError(ForbiddenError):
    """The organisation, or the person, has no key that may sign this now."""

    slug = "no-valid-key"
    title = "There is no key that may sign this"


class KeyRefusedError(ForbiddenError):
    """The submission's key is unknown, revoked, or not the organisation's."""

    slug = "key-refused"
    title = "The key may not sign this"


class SignatureRefusedError(UnprocessableError):
    """The signature does not verify, or the entries are not those that were signed."""

    slug = "signature-refused"
    title = "The signature does not fit"


class SealedMismatchError(UnprocessableError):
    """What the server rebuilt differs from what the client signed."""

    slug = "sealed-mismatch"
    title = "The signed entries are not those of the document"


class KeyHeadConflictError(ConflictError):
    """A chained key's submission does not follow its last one; ``head`` and ``next`` do."""

    slug = "key-head-conflict"
    title = "The submission does not follow the key's last one"


class AlreadySubmittedError(ConflictError):
    """The submission's, or an entry's, id was used before."""

    slug = "already-submitted"
    title = "This id was submitted before"


class EntryRefusedError(UnprocessableError):
    """An entry cannot be built or read; ``entries`` names every bad line."""

    slug = "entry-refused"
    title = "An entry cannot be taken"


class QueueFullError(UnavailableError):
    """The sequencer is behind: nothing was stored."""

    slug = "queue-full"
    title = "The ledger is catching up"


class FrozenError(UnavailableError):
    """The log is frozen: stored bytes differ, or it was rolled back. Nothing is taken."""

    slug = "log-frozen"
    title = "The ledger is frozen"


class NotSequencedError(UnavailableError):
    """The entry is promised, but in no published checkpoint yet."""

    slug = "not-sequenced"
    title = "The entry is not in a published checkpoint yet"


class ProvisionalError(NotSequencedError):
    """The log signed a head with the entry in it; the witnesses' quorum did not cosign it yet."""

    slug = "provisional"
    title = "The checkpoint with the entry is provisional"


class UnknownEntryError(NotFoundError):
    """No entry has this id."""

    slug = "unknown-entry"
    title = "There is no such entry"


class GovernanceRefusedError(ForbiddenError):
    """The log's own rules do not allow this change of members or keys."""

    slug = "governance-refused"
    title = "The log's rules do not allow this"


class NoWitnessKeyError(UnavailableError):
    """This deployment's witness has no key yet, or the provider lost it."""

    slug = "no-witness-key"
    title = "The witness has no key"


class WitnessClockError(UnavailableError):
    """The witness' clock is behind its last cosignature: no time to sign at is known."""

    slug = "witness-clock"
    title = "The witness does not know the time"


class WitnessedLogRefusedError(UnprocessableError):
    """The key or origin is not one that a log could have."""

    slug = "witnessed-log-refused"
    title = "No log of this key can be witnessed"


class CheckpointUnsignedError(ForbiddenError):
    """No trusted key of the log signed the checkpoint, or one's signature fails."""

    slug = "checkpoint-unsigned"
    title = "The log did not sign this checkpoint"


class CheckpointInconsistentError(UnprocessableError):
    """The checkpoint does not extend what was cosigned, or its proof does not hold."""

    slug = "checkpoint-inconsistent"
    title = "The checkpoint does not extend the cosigned one"


class EndorsementsNeededError(UnprocessableError):
    """A policy asks for endorsements of this kind; ``policy``, ``n`` and whose say which."""

    slug = "endorsements-needed"
    title = "Others have to endorse this first"


class ProposalOverError(ConflictError):
    """The proposal was submitted or withdrawn, it expired, or its policy is not in force now."""

    slug = "proposal-over"
    title = "This proposal is over"


class EndorsementsMissingError(ConflictError):
    """The proposal has fewer endorsements that hold than its policy asks for: ``has``, ``n``."""

    slug = "endorsements-missing"
    title = "The proposal lacks endorsements"


class NoPolicyError(ConflictError):
    """No policy in force asks for endorsements of this kind."""

    slug = "no-policy"
    title = "Nothing asks for endorsements of this"
