"""The standalone verifier with a witness policy: it decides as the core decides, and demands it."""

import base64
import itertools
import json
from pathlib import Path

import pytest

from ledger.core.canonical import canonical_bytes
from ledger.core.note import format_vkey, parse_note
from ledger.core.policy import (
    Policy,
    PolicyError,
    PolicyGroup,
    PolicyLog,
    PolicyWitness,
    format_policy,
    has_quorum,
    parse_policy,
)
from tests.ledger.log_builder import LogBuilder, small_log
from tests.ledger.scripted_witness import ScriptedWitness
from tests.ledger.test_policy import BROKEN, LOG, W1, W2, WITNESSES, worlds
from tests.ledger.test_theriac_verify import VERIFIER, export, status


def witnesses_of(log: LogBuilder) -> list[ScriptedWitness]:
    vkey = format_vkey(log.vkey)
    return [ScriptedWitness(name=f"{name}.example", log_vkey=vkey) for name in "abc"]


def cosigned(note: bytes, *witnesses: ScriptedWitness) -> bytes:
    text = parse_note(note).text
    return note + b"".join(witness.line(text) for witness in witnesses)


def policy_of(log: LogBuilder | None, witnesses: list[ScriptedWitness], threshold: int) -> bytes:
    entries = tuple(
        PolicyWitness(name=witness.name.encode(), key=witness.key) for witness in witnesses
    )
    group = PolicyGroup(
        name=b"quorum", threshold=threshold, members=tuple(entry.name for entry in entries)
    )
    logs = () if log is None else (PolicyLog(key=log.vkey),)
    return format_policy(Policy(logs=logs, witnesses=entries, groups=(group,), quorum=b"quorum"))


def with_checkpoint(bundle: bytes, note: bytes) -> bytes:
    members = json.loads(bundle)
    return canonical_bytes({**members, "checkpoint": base64.b64encode(note).decode()})


def test_an_export_and_a_bundle_need_the_quorum_where_a_policy_demands_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log, _ = small_log()
    a, b, c = witnesses_of(log)
    (tmp_path / "policy").write_bytes(policy_of(log, [a, b, c], 2))
    folder = export(log, tmp_path / "export")
    bundle = tmp_path / "bundle.json"
    for who, expected in (((), 1), ((a,), 1), ((a, a), 1), ((a, c), 0), ((a, b, c), 0)):
        note = cosigned(log.checkpoint(), *who)
        (folder / "checkpoint").write_bytes(note)
        bundle.write_bytes(with_checkpoint(log.bundle(11), note))
        for what in (["--export", folder], [bundle]):
            assert status(*what) == 0, who  # without a policy, cosignatures are no hindrance
            capsys.readouterr()
            assert status(*what, "--policy", tmp_path / "policy") == expected, who
            said = capsys.readouterr().out
            count = len(set(map(id, who)))
            end = "the policy's quorum" if expected == 0 else "below the quorum"
            assert f"{count} of 3 witnesses cosigned: {end}\n" in said
            # The policy names the log, so its key is not taken from the input.
            if expected == 0:
                assert f"log key as you gave it: {format_vkey(log.vkey)!a}" in said


def test_a_known_witness_whose_signature_fails_makes_it_bad(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log, _ = small_log()
    a, b, c = witnesses_of(log)
    text = parse_note(log.checkpoint()).text
    (tmp_path / "policy").write_bytes(policy_of(None, [a, b, c], 1))
    bundle = tmp_path / "bundle.json"
    stranger = ScriptedWitness(name="x.example", log_vkey="")
    for line, what in (
        (a.line(text + "more\n"), "a cosignature: the signature does not hold"),
        (a.line(text, 0), "a cosignature of no time"),
        (a.line(text, 2**63), "a cosignature of no time"),
        (stranger.line("anything"), "SOUND"),
    ):
        note = cosigned(log.checkpoint(), b) + line
        bundle.write_bytes(with_checkpoint(log.bundle(11), note))
        expected = 0 if what == "SOUND" else 1
        assert status(bundle, "--policy", tmp_path / "policy") == expected, what
        assert what in capsys.readouterr().out


def test_a_policy_for_another_log_accepts_nothing_of_this_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log, _ = small_log()
    bundle = tmp_path / "bundle.json"
    bundle.write_bytes(log.bundle(11))
    (tmp_path / "policy").write_text(f"log {LOG}\nquorum none\n")
    assert status(bundle, "--policy", tmp_path / "policy") == 1
    vkey = format_vkey(log.vkey)
    assert status(bundle, "--policy", tmp_path / "policy", "--vkey", vkey) == 1
    assert "the policy accepts other logs" in capsys.readouterr().out
    (tmp_path / "policy").write_text(f"log {LOG}\nlog {vkey}\nquorum none\n")
    assert status(bundle, "--policy", tmp_path / "policy") == 0


def test_a_policy_that_cannot_be_used_is_unreadable(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "policy").write_text("quorum nobody\n")
    assert status(tmp_path / "none.json", "--policy", tmp_path / "policy") == 2
    assert capsys.readouterr().err == "UNREADABLE policy: line 1 cannot be used\n"
    assert status(tmp_path / "none.json", "--policy", tmp_path / "missing") == 2


@pytest.mark.parametrize(
    "text",
    [
        *(text for text, _, _ in BROKEN),
        f"log {LOG}\nwitness a {W1}\nwitness b {W2}\ngroup g all a b\nquorum g\n",
        f"{WITNESSES}group g 2 a b c\n\n # note\n\tquorum\tg\n",
        "quorum none\n",
        f"witness \xe9 {W1}\nquorum \xe9\n",
    ],
)
def test_it_reads_the_policies_that_the_core_reads(text: str) -> None:
    data = text.encode()
    try:
        VERIFIER.Policy(data)
    except VERIFIER.UnreadableError:
        with pytest.raises(PolicyError):
            parse_policy(data)
    else:
        parse_policy(data)


def test_it_decides_every_small_policy_as_the_core_does() -> None:
    for policy in worlds():
        theirs = VERIFIER.Policy(format_policy(policy))
        for size in range(len(policy.witnesses) + 1):
            for chosen in itertools.combinations(policy.witnesses, size):
                signed = {(each.key.name.encode(), each.key.key_hash) for each in chosen}
                if policy.quorum is None:
                    assert theirs.quorum == b"none"
                    continue
                assert theirs.has(theirs.quorum, signed) is has_quorum(
                    policy, [each.key for each in chosen]
                )
