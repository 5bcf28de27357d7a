"""Somebody else's log, which tells whatever history it likes."""

from dataclasses import dataclass, field
from uuid import uuid4

from nacl.signing import SigningKey

from ledger.core.checkpoint import format_checkpoint
from ledger.core.merkle import leaf_hash, tree_root
from ledger.core.note import KeyType, VerifierKey, format_note, format_signature_line
from ledger.core.proof import node_reader, prove_consistency
from ledger.core.witness import format_add_checkpoint


@dataclass
class OtherLog:
    """A log of somebody else: its key, and leaves of any history that it likes to tell."""

    origin: str = field(default_factory=lambda: f"other.example/{uuid4().hex}")
    seed: SigningKey = field(default_factory=SigningKey.generate)

    @property
    def key(self) -> VerifierKey:
        return VerifierKey(
            name=self.origin, key_type=KeyType.ED25519, public_key=bytes(self.seed.verify_key)
        )

    def leaves(self, size: int, history: str = "", common: int = 0) -> list[bytes]:
        return [leaf_hash(f"{history if at >= common else ''} {at}".encode()) for at in range(size)]

    def note(self, leaves: list[bytes]) -> bytes:
        text = format_checkpoint(origin=self.origin, size=len(leaves), root=tree_root(leaves))
        signature = self.seed.sign(text.encode()).signature
        return format_note(text, [format_signature_line(self.origin, self.key.key_hash, signature)])

    def request(self, leaves: list[bytes], old: int = 0) -> bytes:
        proof = (
            prove_consistency(size1=old, size2=len(leaves), read_node=node_reader(leaves))
            if 0 < old < len(leaves)
            else ()
        )
        return format_add_checkpoint(old_size=old, proof=proof, note=self.note(leaves))
