"""A scanner with a key of its own: what a member's client does."""

from collections.abc import Callable
from uuid import UUID, uuid4

from nacl.signing import SigningKey as PrivateKey

from foundation.core.actor import Actor
from foundation.tenancy import acting_as
from ledger.core.entry import EntryDraft, build_entry
from ledger.core.merkle import leaf_hash, tree_root
from ledger.core.sealed import SealedSubmission
from ledger.core.statement import KeyChain, Statement, build_statement, statement_message
from ledger.models import KeyHolder
from ledger.services import key_add, submission_append
from ledger.services.keys import key_id_of
from ledger.services.sealed import key_head
from tests.conftest import NOW, Channel

DOCUMENT = b'{"scan": "1"}'


class Device:
    """A scanner with a key of its own: what a member's client does."""

    def __init__(self, channel: Channel, member: Actor) -> None:
        self.private = PrivateKey.generate()
        self.public = bytes(self.private.verify_key)
        self.key_id = key_id_of(self.public)
        self.log, self.member = channel.log.origin, member
        key_add(actor=member, holder=KeyHolder.DEVICE, now=NOW, public_key=self.public)
        channel.sequence()

    def head(self) -> KeyChain:
        with acting_as(self.member):
            return key_head(self.key_id)

    def seal(
        self,
        drafts: list[EntryDraft],
        *,
        chain: KeyChain | None = None,
        change: Callable[[Statement], Statement] = lambda stated: stated,
        organisation_id: UUID | None = None,
    ) -> SealedSubmission:
        key_id = bytes.fromhex(self.key_id)
        entries = tuple(
            build_entry(
                draft=draft,
                log=self.log,
                organisation_id=organisation_id or self.member.organisation,
                key_id=key_id,
                time=NOW,
            )
            for draft in drafts
        )
        stated = Statement(
            log=self.log,
            organisation_id=organisation_id or self.member.organisation,
            key_id=key_id,
            id=uuid4(),
            n=len(entries),
            root=tree_root(leaf_hash(entry) for entry in entries),
            time=NOW,
            chain=chain or self.head(),
        )
        statement = build_statement(change(stated))
        return SealedSubmission(
            document=DOCUMENT,
            media_type="application/json",
            entries=entries,
            openings=(),
            statement=statement,
            signature=self.private.sign(statement_message(statement)).signature,
        )

    def submit(self, drafts: list[EntryDraft], sealed: SealedSubmission) -> None:
        submission_append(actor=self.member, entries=drafts, now=NOW, sealed=sealed)


def drafts(count: int = 2) -> list[EntryDraft]:
    return [
        EntryDraft(kind="test.thing.done.v1", id=uuid4(), body={"n": number})
        for number in range(count)
    ]
