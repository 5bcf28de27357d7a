"""From the head that is remembered to the newest: one history, or two signed heads that differ.

A head is taken once the remembered one is proven to be its beginning. Leaves are read after that,
bundle by bundle, each proven before it is replayed: what is on disk always belongs to the head.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from ledger.core.members import format_base64
from ledger.core.merkle import CompactRange, leaf_hash, tree_root
from ledger.core.tiles import TILE_HEIGHT, TILE_WIDTH
from theriac_client.errors import AnswerError, StateError
from theriac_client.loghead import Head, open_head
from theriac_client.logreader import LogReader
from theriac_client.monitor.evidence import Alarm, Kind, Place
from theriac_client.monitor.member import Member
from theriac_client.monitor.memory import Memory, Sighting
from theriac_client.monitor.replay import Finding, Replay, UnreadableError

Raise = Callable[[Alarm], None]
BUNDLES_BETWEEN_WRITES = 16
# How often a head that is smaller than one before is asked for again.
ASKED_AGAIN = 2


@dataclass
class Follower:
    """Follows one log. ``alarm`` keeps an alarm on disk; ``news`` tells of governance."""

    reader: LogReader
    memory: Memory
    member: Member | None
    alarm: Raise
    news: Callable[[str], None]
    pause: Callable[[], None] = lambda: None

    def known(self) -> Head | None:
        """Return the head that is remembered."""
        seen = self.memory.progress.head
        return None if seen is None else self.opened(seen.note)

    def opened(self, note: bytes) -> Head:
        """Return a head of the log with what known witnesses signed, quorum or not."""
        policy = replace(self.reader.policy, quorum=None)
        return open_head(note, vkey=self.reader.vkey, policy=policy)

    def shown(self, size: int) -> Head:
        """Return the newest head, asked for again where it covers less: a cache may answer."""
        head = self.reader.head()
        for _ in range(ASKED_AGAIN):
            if head.size >= size:
                break
            self.pause()
            head = self.reader.head()
        return head

    def take(self, head: Head, *, now: datetime) -> Head | None:
        """Return the head, remembered, where it extends the one before; raise the alarm else.

        ``None`` means that there are two histories, or less of one; the memory stays as it was.
        """
        known = self.known()
        if known is not None and head.size < known.size:
            self.alarm(rolled_back(known, head))
            return None
        if known is not None and (forked := self.compared(known, head)) is not None:
            self.alarm(forked)
            return None
        if known is None or is_newer(head, known):
            seen = Sighting(note=head.note, at=now)
            self.memory.persist(replace(self.memory.progress, head=seen))
        return head

    def compared(self, first: Head, second: Head) -> Alarm | None:
        """Return the alarm of a fork unless ``second`` extends ``first``, which is not larger.

        Raise ``AnswerError`` where the log does not show what ``second`` says of its beginning.
        """
        if first.size == 0:
            return None
        prefix = self.reader.prefix(first.size, second)
        if prefix.root == first.root:
            return None
        return Alarm(
            kind=Kind.FORKED,
            what=f"the heads of {first.size} and {second.size} leaves are of two histories",
            about=f"{first.size} {first.root.hex()} {second.size} {second.root.hex()}",
            heads=(first.note, second.note),
            members={
                "prefix_root": prefix.root.hex(),
                "proof": [format_base64(digest) for digest in prefix.proof],
            },
        )

    def read(self, head: Head) -> bool:
        """Read and replay what is not read yet; return whether that reaches the head.

        Raise ``AnswerError`` where the log does not show its leaves; what was read is kept.
        """
        progress = self.memory.progress
        replay = Replay(self.memory, self.member, progress.read.size, progress.open)
        covered = progress.read
        unwritten = 0
        while covered.size < head.size:
            leaves, after = self._leaves(covered, head)
            try:
                for leaf in leaves:
                    self._found(replay.take(leaf), head)
            except UnreadableError as error:
                # Not read further, and found again at every look: nobody can say what follows.
                self._found(iter([error.finding]), head)
                sound = leaves[: replay.size - covered.size]
                self._write(covered.extend(leaf_hash(leaf) for leaf in sound), replay)
                return False
            covered = after
            if covered.size == head.size:
                self._found(replay.end(), head)
            unwritten += 1
            if unwritten == BUNDLES_BETWEEN_WRITES or covered.size == head.size:
                self._write(covered, replay)
                unwritten = 0
        return True

    def _write(self, covered: CompactRange, replay: Replay) -> None:
        if replay.size != covered.size:
            raise StateError("the replay and the tree went apart")
        self.memory.persist(replace(self.memory.progress, read=covered, open=replay.open))

    def _leaves(self, covered: CompactRange, head: Head) -> tuple[list[bytes], CompactRange]:
        """Return the next leaves, proven to be the head's, and the range that covers them too."""
        index, skipped = divmod(covered.size, TILE_WIDTH)
        whole = self.reader.bundle(index, head.size)
        hashes = [leaf_hash(leaf) for leaf in whole]
        after = covered.extend(hashes[skipped:])
        if len(whole) == TILE_WIDTH:
            holds = tree_root(hashes) == self.reader.subtree(TILE_HEIGHT, index, head)
        else:
            holds = after.size == head.size and after.root() == head.root
        if not holds:
            self.reader.forget()
            raise AnswerError(f"bundle {index} does not lead to the signed root")
        return whole[skipped:], after

    def _found(self, findings: Iterator[Finding], head: Head) -> None:
        for finding in findings:
            if finding.kind is None:
                self.news(f"index {finding.index}: {finding.what}")
            else:
                self.alarm(self._alarm(finding, finding.kind, head))

    def _alarm(self, finding: Finding, kind: Kind, head: Head) -> Alarm:
        place = self._place(finding.leaf, finding.index, head)
        alarm = Alarm(
            kind=kind,
            what=f"index {finding.index}: {finding.what}",
            about=f"{finding.index} {leaf_hash(finding.leaf).hex()} {finding.what}",
            heads=(head.note,),
            members={"place": place.as_json()},
        )
        if finding.public_key is not None:
            alarm.members["public_key"] = format_base64(finding.public_key)
        if kind is Kind.UNEXPECTED and self.member is not None:
            del alarm.members["place"]
            header = place
            if finding.index != finding.header_index:
                alarm.members["entry"] = place.as_json()
                header = self._place(finding.header, finding.header_index, head)
            alarm.members["header"] = header.as_json()
            alarm.members["organisation"] = str(self.member.organisation_id)
        return alarm

    def _place(self, leaf: bytes, index: int, head: Head) -> Place:
        return Place(leaf=leaf, index=index, proof=self.reader.proven(leaf_hash(leaf), index, head))


def rolled_back(larger: Head, smaller: Head) -> Alarm:
    """Return the alarm of a smaller head that was shown after a larger one."""
    return Alarm(
        kind=Kind.ROLLED_BACK,
        what=f"{smaller.size} leaves are shown after {larger.size}",
        about=f"{larger.size} {larger.root.hex()} {smaller.size} {smaller.root.hex()}",
        heads=(larger.note, smaller.note),
        members={},
    )


def is_newer(head: Head, known: Head) -> bool:
    """Return whether a head says more than one of the same history: leaves, or a later time."""
    return head.size > known.size or head.cosigned_at_s > known.cosigned_at_s
