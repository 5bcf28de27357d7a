"""One look at a log: all is checked, and every alarm is on disk before anybody is told."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

from theriac_client.durable import folder_made, locked, write_json
from theriac_client.errors import AnswerError, ClientError, StateError, UnreachableError
from theriac_client.loghead import Head
from theriac_client.logreader import LogReader
from theriac_client.monitor.checks import receipts, stale, witnesses
from theriac_client.monitor.evidence import Alarm, Kind, format_evidence
from theriac_client.monitor.follow import Follower
from theriac_client.monitor.member import Member
from theriac_client.monitor.memory import Memory

QUIET, ALARMED, COULD_NOT_LOOK = 0, 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Raised:
    """An alarm that was raised in a look; ``is_new`` where nobody was told of it before."""

    kind: Kind
    what: str
    evidence: Path
    is_new: bool


@dataclass
class Look:
    """What a look found: its alarms, the log's news, and what could not be looked at."""

    head: Head | None = None
    alarms: list[Raised] = field(default_factory=list)
    news: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)

    @property
    def status(self) -> int:
        """The exit status."""
        if self.alarms:
            return ALARMED
        return COULD_NOT_LOOK if self.troubles else QUIET


@dataclass
class Monitor:
    """Watches the log of ``reader`` from the state ``folder``; ``policy`` is its policy's file.

    ``member`` is who watches, where that is known; ``stale_after`` the time after which a log that
    shows nothing newer is an alarm, where that is wished.
    """

    reader: LogReader
    folder: Path
    policy: bytes | None = None
    member: Member | None = None
    stale_after: timedelta | None = None
    ask_witnesses: bool = False
    pause: Callable[[], None] = lambda: None

    def look(self, now: Callable[[], datetime]) -> Look:
        """Look once. Raise ``StateError`` where the own state cannot be used."""
        look = Look()
        with locked(self.folder):
            memory = Memory(self.folder, self.reader.vkey)
            raised: dict[str, tuple[Alarm, Path]] = {}

            def alarm(found: Alarm) -> None:
                raised.update([self._kept(found, now())])

            follower = Follower(
                reader=self.reader,
                memory=memory,
                member=self.member,
                alarm=alarm,
                news=look.news.append,
                pause=self.pause,
            )
            self._looked(follower, look, now())
            self._tell(memory, look, raised)
        return look

    def _looked(self, follower: Follower, look: Look, now: datetime) -> None:
        try:
            known = follower.known()
            head = follower.shown(0 if known is None else known.size)
            look.head = follower.take(head, now=now)
            if look.head is not None and follower.read(look.head):
                self._checked(follower, look, look.head, now)
            if self.stale_after is not None:
                late = stale(follower, now=now, after=self.stale_after)
                if late is not None:
                    follower.alarm(late)
        except (UnreachableError, AnswerError) as error:
            look.troubles.append(str(error))

    def _checked(self, follower: Follower, look: Look, head: Head, now: datetime) -> None:
        if self.member is not None:
            for alarm in receipts(follower, self.member, head, now=now):
                follower.alarm(alarm)
        if self.ask_witnesses:
            for said in witnesses(follower, head, now=now):
                if isinstance(said, ClientError):
                    look.troubles.append(str(said))
                else:
                    follower.alarm(said)

    def _kept(self, alarm: Alarm, now: datetime) -> tuple[str, tuple[Alarm, Path]]:
        """Write the evidence, unless it is there, and return the alarm under its name."""
        digest = sha256(f"{alarm.kind} {alarm.about}".encode()).hexdigest()[:16]
        name = f"{alarm.kind}-{digest}"
        path = folder_made(self.folder / "evidence") / f"{name}.json"
        if not path.exists():
            value = format_evidence(alarm, vkey=self.reader.vkey, policy=self.policy, found_at=now)
            write_json(path, value)
        return name, (alarm, path)

    def _tell(self, memory: Memory, look: Look, raised: dict[str, tuple[Alarm, Path]]) -> None:
        """Put the alarms into the look, those too that a look before died without telling."""
        told = set(memory.progress.told)
        for name, (alarm, path) in raised.items():
            look.alarms.append(
                Raised(kind=alarm.kind, what=alarm.what, evidence=path, is_new=name not in told)
            )
        for path in sorted((self.folder / "evidence").glob("[!.]*.json")):
            if path.stem not in told and path.stem not in raised:
                look.alarms.append(_left_behind(path))

    def told(self, look: Look) -> None:
        """Remember that these alarms were told, so that the next look does not call them new."""
        names = [raised.evidence.stem for raised in look.alarms]
        with locked(self.folder):
            memory = Memory(self.folder, self.reader.vkey)
            known = memory.progress.told
            new = tuple(name for name in names if name not in known)
            if new:
                memory.persist(replace(memory.progress, told=(*known, *new)))


def _left_behind(path: Path) -> Raised:
    kind = path.stem.rpartition("-")[0]
    if kind not in tuple(Kind):
        raise StateError(f"{path} is no evidence of a monitor")
    return Raised(kind=Kind(kind), what="found by a look before", evidence=path, is_new=True)
