"""Reading a log over its C2SP addresses, where nothing counts before it leads to a signed root.

A tile or bundle that was flipped, cut or made up is refused as an answer, never called cheating:
anybody on the way could have done it. What is signed is another matter.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from http import HTTPStatus

from foundation.core.problem import BadInputError
from ledger.core.entry import ENTRY_SIZE_BYTES_MAX, parse_entry
from ledger.core.governance import GENESIS_INDEX, Governance
from ledger.core.merkle import HASH_SIZE_BYTES, leaf_hash, tree_root
from ledger.core.note import NOTE_SIZE_BYTES_MAX, VerifierKey
from ledger.core.policy import Policy
from ledger.core.proof import (
    ReadNode,
    check_consistency,
    check_inclusion,
    prove_consistency,
    prove_inclusion,
    range_root,
)
from ledger.core.tiles import (
    TILE_WIDTH,
    Tile,
    format_tile_path,
    parse_bundle,
    parse_tile,
    tile_node_reader,
    tile_of,
)
from theriac_client.errors import AnswerError
from theriac_client.loghead import NO_POLICY, Head, open_head
from theriac_client.web import Answer, Web

TILES_KEPT = 64
_BUNDLE_SIZE_BYTES_MAX = TILE_WIDTH * (2 + ENTRY_SIZE_BYTES_MAX)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefix:
    """What a tree says of its first leaves: their root, and the proof that it is."""

    root: bytes
    proof: tuple[bytes, ...]


@dataclass
class LogReader:
    """A log at ``/log/<channel>/`` of a server; it holds a few tiles and no more."""

    web: Web
    channel: str
    vkey: VerifierKey
    policy: Policy = NO_POLICY
    _tiles: OrderedDict[tuple[int, Tile], bytes] = field(default_factory=OrderedDict)

    def head(self) -> Head:
        """Return the newest published head, verified; raise ``ClientError``."""
        answer = self._get("checkpoint", NOTE_SIZE_BYTES_MAX)
        return open_head(answer.body, vkey=self.vkey, policy=self.policy)

    def bundle(self, index: int, size: int) -> list[bytes]:
        """Return the leaves of a bundle as a log of ``size`` has them, nothing of it verified."""
        tile = tile_of(level=None, index=index, size=size)
        try:
            try:
                return parse_bundle(self._part(tile, _BUNDLE_SIZE_BYTES_MAX), tile.width)
            except _MissingError:
                whole = Tile(level=None, index=index)
                data = self._part(whole, _BUNDLE_SIZE_BYTES_MAX)
                return parse_bundle(data, TILE_WIDTH)[: tile.width]
        except BadInputError as error:
            raise AnswerError(f"bundle {index}: {error.detail}") from error

    def nodes(self, size: int) -> ReadNode:
        """Return a reader of subtrees of the log of ``size``, nothing of it verified."""
        return tile_node_reader(size=size, read_tile=lambda tile: self._tile(size, tile))

    def proven(self, leaf: bytes, index: int, head: Head) -> tuple[bytes, ...]:
        """Return the proof that this leaf hash stands at ``index`` under ``head``.

        Raise ``AnswerError`` where the log's tiles do not show it.
        """
        try:
            proof = prove_inclusion(index=index, size=head.size, read_node=self.nodes(head.size))
            check_inclusion(leaf=leaf, index=index, size=head.size, proof=proof, root=head.root)
        except BadInputError as error:
            self.forget()
            raise AnswerError(f"no proof leads from leaf {index}: {error.detail}") from error
        return proof

    def prefix(self, size: int, head: Head) -> Prefix:
        """Return what ``head`` says of its first ``size`` leaves, proven; 0 < size <= head.size.

        Raise ``AnswerError`` where the log's tiles do not lead to the signed root.
        """
        if size == head.size:
            return Prefix(root=head.root, proof=())
        read_node = self.nodes(head.size)
        try:
            root = range_root(start=0, end=size, read_node=read_node)
            proof = prove_consistency(size1=size, size2=head.size, read_node=read_node)
            check_consistency(size1=size, size2=head.size, root1=root, root2=head.root, proof=proof)
        except BadInputError as error:
            self.forget()
            raise AnswerError(
                f"the tiles do not lead to the signed root: {error.detail}"
            ) from error
        return Prefix(root=root, proof=proof)

    def subtree(self, level: int, index: int, head: Head) -> bytes:
        """Return the root of a complete subtree of the log, proven to stand under ``head``."""
        read_node = self.nodes(head.size)

        def read_chunk(above: int, at: int) -> bytes:
            # A tree over complete subtrees has the shape of one over leaves; the last may be part.
            start, height = at << (level + above), level + above
            end = min(head.size, (at + 1) << height)
            return range_root(start=start, end=end, read_node=read_node)

        chunks = -(-head.size >> level)
        try:
            root = read_node(level, index)
            proof = prove_inclusion(index=index, size=chunks, read_node=read_chunk)
            check_inclusion(leaf=root, index=index, size=chunks, proof=proof, root=head.root)
        except BadInputError as error:
            self.forget()
            raise AnswerError(f"the tiles lead to another root: {error.detail}") from error
        return root

    def leaf_hashes(self, head: Head) -> bytes:
        """Return the hashes of all leaves, one after the other, proven to be those of ``head``."""
        hashes: list[bytes] = []
        for index in range(-(-head.size // TILE_WIDTH)):
            tile = tile_of(level=0, index=index, size=head.size)
            try:
                hashes += parse_tile(self._tile(head.size, tile), tile.width)
            except BadInputError as error:
                raise AnswerError(f"tile {index}: {error.detail}") from error
        if tree_root(hashes) != head.root:
            self.forget()
            raise AnswerError("the tiles lead to another root")
        return b"".join(hashes)

    def genesis(self, head: Head) -> Governance:
        """Return governance after the log's first entry, proven to stand there."""
        leaves = self.bundle(0, head.size)
        if len(leaves) <= GENESIS_INDEX:
            raise AnswerError("the log has no genesis yet")
        leaf = leaves[GENESIS_INDEX]
        self.proven(leaf_hash(leaf), GENESIS_INDEX, head)
        governance = Governance(self.vkey)
        try:
            governance.apply(parse_entry(leaf), GENESIS_INDEX, header_index=0)
        except BadInputError as error:
            raise AnswerError(f"the log begins with no genesis: {error.detail}") from error
        return governance

    def forget(self) -> None:
        """Drop the tiles that are held: one of them was wrong."""
        self._tiles.clear()

    def _tile(self, size: int, tile: Tile) -> bytes:
        key = (0 if tile.width == TILE_WIDTH else size, tile)
        data = self._tiles.get(key)
        if data is None:
            try:
                data = self._part(tile, TILE_WIDTH * HASH_SIZE_BYTES)
            except _MissingError:
                # A partial tile may be gone once it is full (C2SP tlog-tiles).
                whole = Tile(level=tile.level, index=tile.index)
                data = self._part(whole, TILE_WIDTH * HASH_SIZE_BYTES)
                data = data[: tile.width * HASH_SIZE_BYTES]
            self._tiles[key] = data
            if len(self._tiles) > TILES_KEPT:
                self._tiles.popitem(last=False)
        else:
            self._tiles.move_to_end(key)
        return data

    def _part(self, tile: Tile, limit: int) -> bytes:
        return self._get(format_tile_path(tile), limit).body

    def _get(self, path: str, limit: int) -> Answer:
        answer = self.web.get(f"/log/{self.channel}/{path}", limit=limit)
        if answer.status == HTTPStatus.NOT_FOUND:
            raise _MissingError(f"the log does not serve {path}")
        if answer.status != HTTPStatus.OK:
            raise AnswerError(f"no {path}: {answer.problem()[1]}")
        return answer


class _MissingError(AnswerError):
    """404: there is no such thing, or not any more."""
