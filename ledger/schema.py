"""The log in GraphQL: its head, its keys, and the proof of an entry. All of it is public."""

from typing import Any
from uuid import UUID

import graphene

from foundation.core.actor import PUBLIC
from foundation.graphql.types import Hash, Page, page_of, paged, wanted
from foundation.tenancy import acting_as
from ledger.core.members import format_base64
from ledger.published import checkpoint_published, checkpoint_signed
from ledger.selectors import Head, KeyInfo, current_log, key_page
from ledger.services.proofs import EntryProof, entry_proof


class Checkpoint(graphene.ObjectType):
    """A signed head of the log; ``note`` is C2SP's checkpoint, with the cosignatures it has."""

    size = graphene.BigInt(required=True, description="leaves in the tree")
    root_hash = graphene.Field(Hash, required=True)
    note = graphene.String(required=True)
    signed_at = graphene.DateTime(required=True)
    provisional = graphene.Boolean(
        required=True, description="the quorum of witnesses has not cosigned it: no proof yet"
    )


class SigningKey(graphene.ObjectType):
    """A key of a member's, valid after one log index and before another."""

    key_id = graphene.String(required=True)
    organisation_id = graphene.UUID(required=True)
    public_key = graphene.String(required=True, description="Ed25519, base64")
    holder = graphene.String(required=True, description="system, person, member or device")
    added_index = graphene.BigInt(required=True)
    revoked_index = graphene.BigInt()

    @staticmethod
    def resolve_public_key(key: KeyInfo, _info: Any) -> str:
        """Return the 32 bytes in base64."""
        return format_base64(key.public_key)


class InclusionProof(graphene.ObjectType):
    """An entry, and the path from it to the root of the published checkpoint.

    ``url`` is the address of the one-file proof, which the standalone verifier checks offline.
    """

    entry_id = graphene.Field(Hash, required=True)
    kind = graphene.String(required=True)
    organisation_id = graphene.UUID(required=True)
    log_index = graphene.BigInt(required=True)
    hashes = graphene.List(graphene.NonNull(Hash), required=True)
    checkpoint = graphene.Field(Checkpoint, required=True)
    url = graphene.String(required=True)

    @staticmethod
    def resolve_entry_id(found: EntryProof, _info: Any) -> bytes:
        """Return the leaf hash."""
        return found.entry.entry_id

    @staticmethod
    def resolve_kind(found: EntryProof, _info: Any) -> str:
        """Return the entry's kind."""
        return found.entry.kind

    @staticmethod
    def resolve_organisation_id(found: EntryProof, _info: Any) -> UUID:
        """Return whose entry it is."""
        return found.entry.organisation_id

    @staticmethod
    def resolve_checkpoint(found: EntryProof, _info: Any) -> Head:
        """Return the head that the proof leads to."""
        return found.head

    @staticmethod
    def resolve_url(found: EntryProof, _info: Any) -> str:
        """Return the address of the file."""
        return f"/log/{found.channel}/proof/{found.entry.entry_id.hex()}"


class Query(graphene.ObjectType):
    """What anybody may ask of the log."""

    checkpoint = graphene.Field(
        Checkpoint, description="The newest published checkpoint; null before the first."
    )
    signed_checkpoint = graphene.Field(
        Checkpoint,
        description="The newest signed head, provisional where witnesses are behind.",
    )
    keys = paged(
        SigningKey,
        "SigningKey",
        organisation_id=graphene.UUID(),
        description="The keys that the log knows, oldest first.",
    )
    proof = graphene.Field(
        InclusionProof,
        entry_id=graphene.Argument(Hash, required=True),
        description="Where an entry stands in the log, and the proof of it.",
    )

    @staticmethod
    def resolve_checkpoint(_root: None, _info: Any) -> Head | None:
        """Return the newest published head."""
        with acting_as(PUBLIC):
            return checkpoint_published(current_log())

    @staticmethod
    def resolve_signed_checkpoint(_root: None, _info: Any) -> Head | None:
        """Return the newest signed head."""
        with acting_as(PUBLIC):
            return checkpoint_signed(current_log())

    @staticmethod
    def resolve_keys(
        _root: None,
        _info: Any,
        first: int,
        after: str | None = None,
        organisation_id: UUID | None = None,
    ) -> Page[KeyInfo]:
        """Return a page of the keys."""
        asked = wanted(first, after, int, str)
        with acting_as(PUBLIC):
            rows = key_page(
                current_log(),
                after=asked.key,
                limit=asked.limit,
                organisation_id=organisation_id,
            )
        return page_of(rows, asked, lambda row: (row.added_index, row.key_id))

    @staticmethod
    def resolve_proof(_root: None, _info: Any, entry_id: bytes) -> EntryProof:
        """Return the proof; raise ``UnknownEntryError`` or ``NotSequencedError``."""
        return entry_proof(entry_id)
