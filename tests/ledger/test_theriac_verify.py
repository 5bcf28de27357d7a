"""The standalone verifier: agrees with the core, and notices every byte that is changed."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ledger.core.bundle import BundleError, check_bundle, parse_bundle
from ledger.core.canonical import canonical_bytes
from ledger.core.members import format_base64
from ledger.core.note import format_vkey
from ledger.core.proof import node_reader, prove_inclusion
from ledger.core.sequenced import Sequenced
from tests.ledger.log_builder import DONE, OPENING, LogBuilder, Signer, small_log
from tests.ledger.test_verify import CHEATS, Cheat, faults_of

SCRIPT = Path(__file__).parents[2] / "ledger" / "verifier" / "theriac_verify.py"


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("theriac_verify", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


VERIFIER = load()


def tiny_log() -> LogBuilder:
    log = LogBuilder()
    log.submit(log.operator, log.genesis())
    return log


def export(log: LogBuilder, folder: Path) -> Path:
    for path, data in log.export():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def status(*arguments: object) -> int:
    result = VERIFIER.main([str(argument) for argument in arguments])
    assert isinstance(result, int)
    return result


def test_as_a_command_it_checks_an_export_and_a_bundle(tmp_path: Path) -> None:
    log, cast = small_log()
    receipt = log.submit(cast.pharmacy, log.draft(DONE, {}))
    export(log, tmp_path)
    (tmp_path / "receipt").write_text(receipt.header())
    (tmp_path / "bundle.json").write_bytes(log.bundle(11, [OPENING]))
    vkey = ["--vkey", format_vkey(log.vkey)]
    for arguments, expected in (
        (["--export", str(tmp_path), "--receipt", str(tmp_path / "receipt"), *vkey], "is in the"),
        ([str(tmp_path / "bundle.json"), *vkey], "the 3 bytes given open it"),
    ):
        # -I: nothing of ours can be imported from the working folder.
        command = [sys.executable, "-I", str(SCRIPT), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        assert expected in done.stdout
        assert done.stdout.endswith("SOUND: everything holds\n")


@pytest.mark.parametrize("size", [1, 130, 300])
def test_exports_of_any_size_are_sound(
    size: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tiny_log()
    log.submit(log.operator, *(log.draft(DONE, {"step": step}) for step in range(size)))
    assert status("--export", export(log, tmp_path)) == 0
    output = capsys.readouterr().out
    assert f"2 submissions with {size + 1} entries" in output
    assert "compare it with the published one" in output


@pytest.mark.parametrize(("cheat", "index", "what"), CHEATS)
def test_it_names_the_same_first_bad_index_as_the_core(
    *, cheat: Cheat, index: int, what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log, cast = small_log()
    cheat(log, cast)
    assert what in faults_of(log)[0].what
    assert status("--export", export(log, tmp_path)) == 1
    assert f"BAD at index {index}: " in capsys.readouterr().out


def flips(data: bytes, stride: int) -> list[bytes]:
    """Return the data with one bit of every ``stride``-th byte flipped."""
    spoiled = []
    for at in range(0, len(data), stride):
        changed = bytearray(data)
        changed[at] ^= 1 << at % 8
        spoiled.append(bytes(changed))
    return spoiled


def check_every_flip(folder: Path, stride: int) -> int:
    count = 0
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        sound = path.read_bytes()
        for spoiled in flips(sound, stride):
            path.write_bytes(spoiled)
            assert status("--export", folder) == 1, (path, spoiled)
            count += 1
        path.write_bytes(sound)
    assert status("--export", folder) == 0
    return count


def test_every_byte_of_a_tiny_export_matters(tmp_path: Path) -> None:
    folder = export(tiny_log(), tmp_path)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert check_every_flip(folder, 1) == size


def test_bytes_all_over_a_larger_export_matter(tmp_path: Path) -> None:
    log, _ = small_log()
    assert check_every_flip(export(log, tmp_path), 13) > 300


def test_every_byte_of_a_bundle_matters_to_both_programs(tmp_path: Path) -> None:
    log = tiny_log()
    sound = log.bundle(1)
    path = tmp_path / "bundle.json"
    for spoiled in flips(sound, 3):
        path.write_bytes(spoiled)
        assert status(path) == 1, spoiled
        with pytest.raises(BundleError):
            check_bundle(parse_bundle(spoiled), log.vkey)
    path.write_bytes(sound)
    assert status(path) == 0


def test_bytes_all_over_a_larger_bundle_matter(tmp_path: Path) -> None:
    log, _ = small_log()
    path = tmp_path / "bundle.json"
    for spoiled in flips(log.bundle(11, [OPENING]), 41):
        path.write_bytes(spoiled)
        assert status(path) == 1, spoiled


def test_a_cut_tail_shows_against_a_receipt(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log, cast = small_log()
    receipt = log.submit(cast.pharmacy, log.draft(DONE, {}))
    path = tmp_path / "receipt.json"
    path.write_bytes(canonical_bytes(receipt.as_json()))
    assert status("--export", export(log, tmp_path / "whole"), "--receipt", path) == 0
    del log.leaves[14:]
    cut = export(log, tmp_path / "cut")
    assert status("--export", cut) == 0
    assert status("--export", cut, "--receipt", path) == 1
    assert f"submission {receipt.promise.id} is missing" in capsys.readouterr().out
    sound = path.read_bytes()
    for spoiled in flips(sound, 7):
        path.write_bytes(spoiled)
        assert status("--export", tmp_path / "whole", "--receipt", path) == 1, spoiled


def test_a_sequenced_receipt_is_checked_and_compared_with_the_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log, cast = small_log()
    receipt = log.submit(cast.pharmacy, *(log.draft(DONE, {"n": n}) for n in range(3)))
    placed = sequenced(log, 14, 3)
    path = tmp_path / "receipt.json"
    whole = {**receipt.as_json(), "sequenced": placed, "places": []}
    path.write_text(json.dumps(whole))
    folder = export(log, tmp_path / "whole")
    assert status("--export", folder, "--receipt", path) == 0
    spoiled: list[dict[str, Any]] = [
        {**placed, "header_index": 13},
        {**placed, "chain_after": placed["chain_before"]},
        {**placed, "header": format_base64(log.leaves[10])},
        {**placed, "last_proof": placed["header_proof"]},
        {**placed, "checkpoint": placed["header"]},
        {name: placed[name] for name in placed if name != "checkpoint"},
    ]
    for form in spoiled:
        path.write_text(json.dumps({**whole, "sequenced": form}))
        assert status("--export", folder, "--receipt", path) == 1, form
    path.write_text(json.dumps({name: whole[name] for name in whole if name != "entry_ids"}))
    assert status("--export", folder, "--receipt", path) == 1
    # The operator goes on with another log, in which the submission stands elsewhere.
    path.write_text(json.dumps(whole))
    other, cast = small_log()
    other.submit(cast.operator, other.draft(DONE, {"between": 1}))
    other.leaves += log.leaves[14:18]
    other.headers += [16] * 4
    assert status("--export", export(other, tmp_path / "other"), "--receipt", path) == 1
    assert "BAD at index 14: a receipt proves other leaves" in capsys.readouterr().out


def sequenced(log: LogBuilder, at: int, n: int) -> dict[str, Any]:
    """Return the proof of where a submission of ``n`` entries stands, its header at ``at``."""
    rows = log.stored()
    before, after = rows[at - 1].chain_hash, rows[at + n].chain_hash
    assert before is not None
    assert after is not None
    read_node, size = node_reader(log.hashes), len(rows)
    placed = Sequenced(
        header=log.leaves[at],
        header_index=at,
        header_proof=prove_inclusion(index=at, size=size, read_node=read_node),
        last_proof=prove_inclusion(index=at + n, size=size, read_node=read_node),
        chain_before=before,
        chain_after=after,
        checkpoint=log.checkpoint(),
    )
    return dict(placed.as_json())


def test_a_log_under_another_key_is_refused(tmp_path: Path) -> None:
    log, _ = small_log()
    folder = export(log, tmp_path)
    (tmp_path / "bundle.json").write_bytes(log.bundle(1))
    other = "theriac.example/t1+00332239+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
    for vkey in (other, "x", ""):
        assert status("--export", folder, "--vkey", vkey) == 1
        assert status(tmp_path / "bundle.json", "--vkey", vkey) == 1


def test_a_missing_part_is_bad_and_a_missing_input_is_unreadable(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status(tmp_path / "none.json") == 2
    assert status("--export", tmp_path) == 2
    folder = export(tiny_log(), tmp_path)
    (folder / "tile" / "0" / "000.p" / "2").unlink()
    assert status("--export", folder) == 1
    (folder / "tile" / "entries" / "000.p" / "2").unlink()
    assert status("--export", folder) == 1
    assert "BAD at index 0: tile/entries/000.p/2" in capsys.readouterr().out
    assert status("--export", folder, "--receipt", folder / "none") == 1


@pytest.mark.parametrize("arguments", [[], ["a", "--export", "b"], ["a", "--receipt", "b"]])
def test_wrong_usage_has_its_own_status(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        VERIFIER.main(arguments)
    assert caught.value.code == 2


def test_governance_is_replayed_in_bundles_too(tmp_path: Path) -> None:
    log, cast = small_log()
    log.submit(cast.pharmacy, log.key_revoked(cast.scanner))
    log.submit(cast.scanner, log.draft(DONE, {}))
    second = Signer("second", cast.pharmacy.organisation_id)
    log.submit(second, log.draft(DONE, {}))
    path = tmp_path / "bundle.json"
    expected = {13: 0, 15: 0, 17: 1, 19: 1}
    for index, answer in expected.items():
        path.write_bytes(log.bundle(index))
        assert status(path) == answer


@pytest.mark.parametrize(
    "text",
    ["", "[]", "1e999", "[" * 100_000, "NaN", '{"a":1.5}', '"\\ud800"', "1" * 5000, "\0"],
    ids=lambda text: ascii(text)[:30],
)
def test_hostile_bundles_are_bad_and_nothing_worse(text: str, tmp_path: Path) -> None:
    path = tmp_path / "bundle.json"
    path.write_text(text)
    assert status(path) == 1
