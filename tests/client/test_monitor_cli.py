"""``ledger_monitor`` as a member runs it: lines, JSON, exits, the hook, and evidence checked."""

import datetime as dt
import stat
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path

import orjson
import pytest

from ledger.core.members import format_base64
from ledger.core.note import format_vkey
from ops.cli import main as theriac
from tests.client.scripted_log import Sender, forked, served
from tests.ledger.log_builder import DONE, small_log
from theriac_client.monitor.cli import main

pytestmark = pytest.mark.enable_socket

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def sender(tmp_path: Path) -> Iterator[tuple[Sender, Callable[..., None]]]:
    with served() as scripted:
        log, cast = small_log()
        cast.scanner.chain = None  # not the one who watches
        made = Sender(log, cast.wholesaler, tmp_path / "client")
        made.keeps(scripted.address)
        scripted.show(log)
        yield made, scripted.show


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*words: object) -> tuple[int, str, str]:
        status = main([str(word) for word in words])
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


def test_a_strangers_log_is_followed_without_a_client(
    run: Run, sender: tuple[Sender, Callable[..., None]], tmp_path: Path
) -> None:
    made, show = sender
    address = orjson.loads((made.folder / "settings.json").read_bytes())["server"]
    where = ("--server", address, "--vkey", format_vkey(made.log.vkey), "--state", tmp_path / "m")
    words = ("--folder", tmp_path / "none", *where, "--once")
    status, out, _ = run(*words)
    assert (status, out.splitlines()[-1]) == (0, "quiet at 14 leaves")
    assert [line.split()[3] for line in out.splitlines()[:-1]] == [
        "ledger.genesis.v1",
        "ledger.member.admitted.v1",
        "ledger.member.admitted.v1",
        "ledger.key.added.v1",
    ]
    assert run(*words)[1] == "quiet at 14 leaves\n"
    status, out, _ = run(*words, "--json")
    assert (status, orjson.loads(out)["size"]) == (0, 14)
    show(forked(made.log, 12, [made.log.operator]))
    status, out, _ = run(*words)
    assert (status, out.startswith("ALARM forked: ")) == (1, True)
    evidence = out.split("evidence: ")[1].strip()
    status, out, _ = run("check-evidence", evidence, "--vkey", format_vkey(made.log.vkey))
    assert (status, out.startswith("forked: ")) == (0, True)
    assert run("check-evidence", evidence, "--vkey", "other+00000000+AA")[0] == 1
    assert orjson.loads(run("check-evidence", evidence, "--json")[1])["proven"] is True
    with pytest.raises(SystemExit, match="0"):
        theriac(["ledger_monitor", "--help"])


def test_the_hook_gets_the_evidence_once(
    run: Run, sender: tuple[Sender, Callable[..., None]], tmp_path: Path
) -> None:
    made, show = sender
    (hook := tmp_path / "hook").write_text(f'#!/bin/sh\necho "$1" >> {tmp_path}/called\n')
    hook.chmod(hook.stat().st_mode | stat.S_IXUSR)
    words = ("--folder", made.folder, "--once", "--exec", hook)
    # What the wholesaler sent before there was a client is what no client sent.
    assert run(*words)[0] == 1
    made.log.submit(made.signer, made.log.draft(DONE, {"step": 1}))
    show(made.log)
    assert run(*words)[0] == 1
    assert run(*words)[0] == 0
    called = (tmp_path / "called").read_text().splitlines()
    assert sorted(called) == sorted(map(str, (made.folder / "monitor" / "evidence").iterdir()))
    assert len(called) == 2
    made.log.submit(made.signer, made.log.draft(DONE, {"step": 1}))
    show(made.log)
    assert "the hook failed" in run(*words[:-1], tmp_path / "none")[2]


def test_what_the_file_alone_does_not_decide_an_export_does(
    run: Run, sender: tuple[Sender, Callable[..., None]], tmp_path: Path
) -> None:
    """A receipt of what the server signed: its header is not known, only what it states."""
    made, show = sender
    dropped = made.log.submit(made.signer, made.log.draft(DONE, {"step": 1}))
    longer = deepcopy(made.log)
    del made.log.leaves[-2:], made.log.headers[-2:]
    show(made.log)
    made.keep(dropped, None)
    assert dropped.promise.deadline < dt.datetime.now(dt.UTC)  # noqa: TID251 - the command's clock
    status, out, _ = run("--folder", made.folder, "--once", "--server-signs")
    assert status == 1
    (line,) = (line for line in out.splitlines() if "missing-" in line)
    evidence = line.split("evidence: ")[1]
    assert run("check-evidence", evidence)[0] == 2
    for name, log in (("short", made.log), ("long", longer)):
        for path, data in log.export():
            (tmp_path / name / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name / path).write_bytes(data)
    for name in ("short", "long"):  # a longer export has the head's leaves too
        status, out, _ = run("check-evidence", evidence, "--export", tmp_path / name)
        assert (status, "PROVEN: none of the 14 leaves" in out) == (0, True)
    # With the submission in the log it is no evidence.
    value = orjson.loads(Path(evidence).read_bytes())
    value["heads"] = [format_base64(longer.checkpoint())]
    (found := tmp_path / "found.json").write_bytes(orjson.dumps(value))
    status, _, err = run("check-evidence", found, "--export", tmp_path / "long")
    assert (status, "stands at index 14" in err) == (1, True)


def test_errors_are_one_line(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THERIAC_CLIENT_HOME", str(tmp_path / "none"))
    status, out, err = run("--once")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "name a client's --folder, or --server and --vkey" in err
    assert run("--once", "--server", "http://127.0.0.1:1", "--vkey", "x")[0] == 2
    (bad := tmp_path / "bad.json").write_bytes(b'{"v":1,"kind":"forked"}')
    status, _, err = run("check-evidence", bad)
    assert (status, err.count("\n")) == (1, 1)
    bad.write_bytes(b"{")
    assert run("check-evidence", bad)[0] == 1
    assert run("check-evidence", tmp_path / "none")[0] == 2
