"""Many submissions of one organisation at once, each signed by a key of its own.

What a scanner brings that was offline, or a member's system that signs every act. They share a
transaction, not a fate: each is applied whole or refused alone, with its reason.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from foundation.core.actor import Actor
from foundation.core.problem import ProblemError
from foundation.tenancy import acting_as
from ledger.core.entry import EntryDraft
from ledger.core.receipt import Receipt
from ledger.core.sealed import SealedSubmission
from ledger.core.statement import (
    NO_STATEMENT,
    KeyChain,
    Statement,
    parse_statement,
    statement_hash,
    statement_message,
)
from ledger.errors import KeyRefusedError, SignatureRefusedError
from ledger.selectors import LogInfo, current_log
from ledger.services import signatures
from ledger.services.gate import append_gate
from ledger.services.sealed import (
    check_rebuilt,
    check_stated,
    head_conflict,
    key_head,
    key_heads,
    key_unknown,
    own_keys,
)
from ledger.services.signed import Signed
from ledger.services.storing import submissions_store
from ledger.services.submissions import signed_append


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A sealed submission, and the entries that the server makes of its document."""

    sealed: SealedSubmission
    drafts: Sequence[EntryDraft]


def submissions_append(
    *, actor: Actor, sent: Sequence[Sent], now: dt.datetime
) -> list[Receipt | ProblemError]:
    """Append what the organisation's own keys signed; return a promise or a refusal of each.

    They stand in the log in the order given. A refusal is what ``submission_append`` would raise;
    what follows a refused one under the same key is refused too, because it no longer follows.
    Signatures are verified on all cores, before anything is locked. Raise ``QueueFullError`` or
    ``FrozenError`` where nothing may be taken now: nothing is stored then.
    """
    if not sent:
        return []
    outcomes: list[Receipt | ProblemError | None] = [None] * len(sent)
    stated: dict[int, Statement] = {}
    for at, each in enumerate(sent):
        try:
            stated[at] = parse_statement(each.sealed.statement)
        except ProblemError as error:
            outcomes[at] = error
    key_ids = {one.key_id.hex() for one in stated.values()}
    with acting_as(actor):
        log = current_log()
        public_keys = own_keys(key_ids, actor.organisation, log)
    unsigned = _unsigned(sent, stated, public_keys)
    with acting_as(actor):
        kinds = {draft.kind for each in sent for draft in each.drafts}
        gate = append_gate(actor=actor, log=log, kinds=kinds, signer=None)
        # Again, under the lock that a revocation takes alone.
        valid = own_keys(key_ids, actor.organisation, log)
        queue = _Queue(actor, log, valid, key_heads(key_ids))
        signed: dict[int, Signed] = {}
        for at, statement in stated.items():
            try:
                signed[at] = queue.take(sent[at], statement, verified=at not in unsigned)
            except ProblemError as error:
                outcomes[at] = error
        _store(actor, log, signed, outcomes, judged=gate.judged, now=now)
    return [each for each in outcomes if each is not None]


class _Queue:
    """Judges submissions one after the other, each against the head that the ones before left."""

    def __init__(
        self,
        actor: Actor,
        log: LogInfo,
        keys: Mapping[str, bytes],
        heads: dict[str, KeyChain],
    ) -> None:
        self._actor, self._log, self._keys, self._heads = actor, log, keys, heads

    def take(self, sent: Sent, stated: Statement, *, verified: bool) -> Signed:
        """Return the submission once everything about it holds; raise what refuses it."""
        key_id = stated.key_id.hex()
        if stated.organisation_id != self._actor.organisation or stated.log != self._log.origin:
            raise KeyRefusedError("the statement is another organisation's, or for another log")
        if key_id not in self._keys:
            raise key_unknown()
        head = self._heads.get(key_id, KeyChain(first=0, prev=NO_STATEMENT))
        if stated.chain != head:
            raise head_conflict(head)
        if not verified:
            raise SignatureRefusedError("the statement's signature does not verify")
        signed = check_stated(
            stated,
            statement=sent.sealed.statement,
            signature=sent.sealed.signature,
            entries=sent.sealed.entries,
            drafts=sent.drafts,
        )
        check_rebuilt(stated, sent.drafts, sent.sealed)
        self._heads[key_id] = KeyChain(
            first=head.first + stated.n, prev=statement_hash(sent.sealed.statement)
        )
        return signed


def _store(
    actor: Actor,
    log: LogInfo,
    signed: Mapping[int, Signed],
    outcomes: list[Receipt | ProblemError | None],
    *,
    judged: bool,
    now: dt.datetime,
) -> None:
    if not signed:
        return
    if not judged:
        try:
            receipts = submissions_store(log=log, signed=list(signed.values()), now=now)
        except ProblemError:
            pass  # one of them is refused; one after the other shows which
        else:
            for at, receipt in zip(signed, receipts, strict=True):
                outcomes[at] = receipt
            return
    broken: set[bytes] = set()
    for at, each in signed.items():
        key_id = each.parsed.key_id
        try:
            if key_id in broken:
                raise head_conflict(key_head(key_id.hex()))
            outcomes[at] = signed_append(actor=actor, log=log, signed=each, now=now, judged=judged)
        except ProblemError as error:
            outcomes[at] = error
            broken.add(key_id)


def _unsigned(
    sent: Sequence[Sent], stated: Mapping[int, Statement], keys: Mapping[str, bytes]
) -> set[int]:
    """Return which signatures do not hold, among those whose key is known."""
    asked = [at for at, one in stated.items() if one.key_id.hex() in keys]
    triples = [
        (
            keys[stated[at].key_id.hex()],
            statement_message(sent[at].sealed.statement),
            sent[at].sealed.signature,
        )
        for at in asked
    ]
    # A key that comes into the log only now is unknown to this look: nothing of it was verified.
    return {asked[bad] for bad in signatures.unsigned_of(triples)} | (stated.keys() - set(asked))
