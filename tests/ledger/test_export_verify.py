"""``ledger_verify --export``: a folder of tiles is verified as the database is, and without it."""

import json
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command

from ledger.core.entry import EntryDraft
from ledger.core.receipt import Receipt
from ledger.services import submission_append
from ledger.services.export import log_export
from ledger.services.verification_export import export_verify
from tests.conftest import NOW, Channel


@pytest.fixture
def exported(fresh_db: Channel, tmp_path: Path) -> tuple[Path, list[Receipt]]:
    """Export a log of 303 leaves: two bundles, one of them full."""
    receipts = []
    for count in (100, 199):
        drafts = [
            EntryDraft(kind="test.thing.done.v1", id=uuid4(), body={"line": line})
            for line in range(count)
        ]
        receipts.append(submission_append(actor=fresh_db.operator, entries=drafts, now=NOW))
        fresh_db.sequence()
    assert log_export(tmp_path / "log") == 303
    return tmp_path / "log", receipts


def test_a_sound_export_is_sound_and_tells_how_far_it_is(
    exported: tuple[Path, list[Receipt]],
) -> None:
    folder, receipts = exported
    told = []
    verdict = export_verify(folder, receipts=receipts, progress=lambda *how: told.append(how))
    assert verdict.sound
    assert (verdict.size, verdict.submissions, verdict.entries) == (303, 3, 300)
    assert told == [(number, 303) for number in range(1, 304)]


def flipped(at: int) -> Callable[[bytes], bytes]:
    """Return a spoiler that flips a bit at a byte."""
    return lambda data: data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


SPOILED = {
    "tile/0/000": (flipped(40), 0),
    "tile/0/001.p/47": (lambda data: data[:-32], 256),
    "tile/1/000.p/1": (flipped(3), 0),
    "tile/entries/000": (flipped(-60), None),
    "tile/entries/001.p/47": (lambda data: data[:-1], 256),
}


@pytest.mark.parametrize("name", SPOILED)
@pytest.mark.parametrize("way", ["changed", "missing"])
def test_each_file_that_is_changed_or_missing_is_named(
    exported: tuple[Path, list[Receipt]], name: str, way: str
) -> None:
    folder, _ = exported
    spoil, index = SPOILED[name]
    path = folder / name
    if way == "missing":
        path.unlink()
    else:
        path.write_bytes(spoil(path.read_bytes()))
    verdict = export_verify(folder)
    assert not verdict.sound
    found = verdict.faults[0]
    if way == "missing" or index is not None:
        assert found.index == int(name.split("/")[2][:3]) * 256
        assert name in found.what
    else:
        assert 0 < found.index < 256


def test_a_checkpoint_kept_outside_shows_a_cut_tail(
    exported: tuple[Path, list[Receipt]], fresh_db: Channel, tmp_path: Path
) -> None:
    folder, _ = exported
    submission_append(
        actor=fresh_db.operator,
        entries=[EntryDraft(kind="test.thing.done.v1", id=uuid4(), body={})],
        now=NOW,
    )
    fresh_db.sequence()
    log_export(tmp_path / "later")
    with pytest.raises(SystemExit) as stopped:
        call_command("ledger_verify", export=folder, checkpoint=[tmp_path / "later" / "checkpoint"])
    assert stopped.value.code == 1


def test_the_command_says_what_it_found(
    exported: tuple[Path, list[Receipt]], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, _ = exported
    call_command("ledger_verify", export=folder, json=True)
    assert json.loads(capsys.readouterr().out)["size"] == 303
    other = (folder / "vkey").read_text().strip().replace("+", "x+", 1)
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("ledger_verify", export=folder, vkey=other)
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("ledger_verify", export=folder / "nowhere")
