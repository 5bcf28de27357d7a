"""The auditor's part: proofs, the export, the standalone verifier, the tampering hand."""

import json
import os
import shutil
import subprocess
import sys
import time
from base64 import b64decode
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from foundation.core.actor import PUBLIC
from foundation.tenancy import acting_as
from ledger.core.canonical import canonical_bytes
from ledger.selectors import current_log, key_list
from ops.demo.cast import Story
from ops.demo.party import Party
from ops.environment import ROOT
from ops.up import MANAGE

SEQUENCED_TIMEOUT_S = 30.0
VERIFIER = ROOT / "ledger" / "verifier" / "theriac_verify.py"


class NotProvenError(AssertionError):
    """A check of the story failed."""


def wait_until_sequenced(organisation_id: UUID) -> None:
    """Return once the organisation has a key in the log; raise ``NotProvenError``."""
    deadline = time.monotonic() + SEQUENCED_TIMEOUT_S
    while time.monotonic() < deadline:
        with acting_as(PUBLIC):
            if key_list(organisation_id):
                return
        time.sleep(0.02)
    raise NotProvenError("the sequencer gave no place within half a minute")


def prove_entry(story: Story, entry_id: str, what: str) -> None:
    """Fetch an entry's proof without an account, and check it with PyNaCl alone."""
    with acting_as(PUBLIC):
        log = current_log()
    anyone = Party("anyone", UUID(int=0), "", "", story.stage.port)
    bundle = anyone.expect(200, "GET", f"/log/{log.name}/proof/{entry_id}").body
    path = story.stage.folder / f"{entry_id[:12]}.json"
    path.write_bytes(bundle)
    said = standalone(story, [str(path), "--vkey", log.vkey])
    if said.returncode != 0:
        raise NotProvenError(f"the standalone verifier refused {what}: {said.stdout}")
    story.prove(f"{what}: one file, checked offline by one Python file with PyNaCl alone")
    spoilt = bytearray(bundle)
    at = bundle.index(b'"checkpoint":"') + 40
    spoilt[at] = ord("A") if spoilt[at] != ord("A") else ord("B")
    other = path.with_name("spoilt.json")
    other.write_bytes(spoilt)
    if standalone(story, [str(other), "--vkey", log.vkey]).returncode != 1:
        raise NotProvenError("the standalone verifier took a proof with a changed byte")
    story.stage.log_ins.append(f"a proof to drop on /verify/: {path}")
    story.stage.log_ins.append("the log itself, for anybody: /explorer/")


def verify_everything(story: Story) -> None:
    """Verify the log in the database, then its export, then the export against receipts."""
    story.scene("The auditor checks everything, first here, then without us")
    verdict = ledger_verify()
    if not verdict["sound"]:
        raise NotProvenError(f"ledger_verify: {verdict['faults']}")
    story.prove(
        f"the stored log is sound: {verdict['size']} leaves, {verdict['entries']} entries,"
        " every hash, signature, rule and column"
    )
    export = story.stage.folder / "export"
    manage(["ledger_export", str(export)])
    receipts = _receipt_files(story)
    words = ["--export", str(export), "--vkey", (export / "vkey").read_text().strip()]
    for path in receipts:
        words += ["--receipt", str(path)]
    said = standalone(story, words)
    if said.returncode != 0:
        raise NotProvenError(f"the standalone verifier refused the export: {said.stdout}")
    story.prove(
        f"the exported log, and {len(receipts)} promises kept, verified by the standalone verifier"
    )


def tamper_and_find(story: Story) -> None:
    """Change one row as a superuser would, and let the verifier name it."""
    story.scene("Somebody with a superuser's hands edits one row")
    with psycopg.connect(story.stage.admin_url, autocommit=True) as superuser:
        superuser.execute("ALTER TABLE ledger_entry DISABLE TRIGGER refuse_change")
        row = superuser.execute(
            "UPDATE ledger_entry SET content = overlay(content placing 'X' from 60)"
            " WHERE entry_id = (SELECT leaf_hash FROM ledger_leaf WHERE position = 1"
            " ORDER BY log_index OFFSET 2 LIMIT 1) RETURNING kind"
        ).fetchone()
        superuser.execute("ALTER TABLE ledger_entry ENABLE ALWAYS TRIGGER refuse_change")
        index = superuser.execute(
            "SELECT log_index FROM ledger_leaf WHERE position = 1"
            " ORDER BY log_index OFFSET 2 LIMIT 1"
        ).fetchone()
    assert row is not None
    assert index is not None
    verdict = ledger_verify()
    if verdict["sound"] or verdict["faults"][0]["index"] != index[0]:
        raise NotProvenError(f"the edit was not found where it is: {verdict['faults'][:3]}")
    story.prove(f"one byte of an entry ({row[0]}) was changed: found, first bad index {index[0]}")


def receipt_of_header(text: str) -> dict[str, Any]:
    """Return the receipt of a ``Theriac-Receipt`` header as JSON."""
    found: dict[str, Any] = json.loads(b64decode(text, validate=True))
    return found


def ledger_verify() -> dict[str, Any]:
    """Return what ``ledger_verify --json`` prints."""
    found: dict[str, Any] = json.loads(manage(["ledger_verify", "--json"], may_fail=True))
    return found


def standalone(story: Story, words: list[str]) -> subprocess.CompletedProcess[str]:
    """Run the standalone verifier where nothing but Python and PyNaCl can be imported."""
    alone = story.stage.folder / "pynacl-alone"
    if not alone.exists():
        _link_pynacl(alone)
    return subprocess.run(  # noqa: S603 - our own file
        [sys.executable, "-S", "-P", str(VERIFIER), *words],
        env={"PYTHONPATH": str(alone), "PATH": os.environ.get("PATH", "")},
        cwd=alone,
        capture_output=True,
        text=True,
        check=False,
    )


def _link_pynacl(folder: Path) -> None:
    """Fill a folder with PyNaCl, and with what it is made of, and with nothing else."""
    folder.mkdir()
    for name in ("nacl", "cffi", "_cffi_backend"):
        spec = find_spec(name)
        if spec is None or spec.origin is None:
            raise NotProvenError(f"{name} is not installed")
        origin = Path(spec.origin)
        source = origin.parent if origin.name == "__init__.py" else origin
        with suppress(FileExistsError):
            (folder / source.name).symlink_to(source)


def _receipt_files(story: Story) -> list[Path]:
    folder = story.stage.folder / "receipts"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    paths = []
    for number, receipt in enumerate(story.receipts):
        path = folder / f"{number}.json"
        path.write_bytes(canonical_bytes(receipt))
        paths.append(path)
    return paths


def manage(words: list[str], *, may_fail: bool = False) -> str:
    """Return what a command of the server prints; raise ``NotProvenError`` where it fails."""
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, MANAGE, *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode != 0 and not may_fail:
        raise NotProvenError(f"{words[0]}: {done.stderr[-400:]}")
    return done.stdout
