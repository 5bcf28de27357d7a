"""The page that checks proofs, in a real browser: it decides as the Python programs decide."""

import base64
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ledger.core.canonical import canonical_bytes
from ledger.core.ed25519 import SignatureError, check_signature
from ledger.core.note import format_vkey, parse_note, parse_vkey
from ledger.core.tlog_proof import TlogProof, format_tlog_proof
from tests.ledger.log_builder import DONE, OPENING, small_log
from tests.ledger.scripted_witness import ScriptedWitness
from tests.ledger.test_theriac_verify import sequenced
from tests.ledger.test_theriac_verify_policy import with_checkpoint
from tests.vectors_at import shared_vectors
from tests.web import proofs
from tests.web.browser import in_browser, page_of
from web.verify.page import standalone

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = in_browser
AT_ONCE = 200
_BYTES = "(text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0))"
_VERIFY = f"""([cases, vkey]) => {{
    const bytes = {_BYTES};
    return cases.map((files) => {{
        const answer = TheriacVerify.verify(files.map(bytes), vkey);
        return [answer.verdict, answer.index, answer.what];
    }});
}}"""
_SIGNATURES = f"""(cases) => {{
    const bytes = {_BYTES};
    return cases.map((parts) => TheriacVerify.signatureHolds(...parts.map(bytes)));
}}"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Page"]:
    """The page as it runs from a disk, opened once: it is asked, and nothing in it is changed."""
    path = tmp_path_factory.mktemp("page") / "theriac-verify.html"
    path.write_bytes(standalone())
    with page_of(1280) as page:
        page.goto(path.as_uri())
        yield page


def answers(
    page: "Page", cases: Sequence[Sequence[bytes]], vkey: str | None
) -> list[proofs.Answer]:
    """Return what the page says about each case, a case being the files that are brought."""
    found: list[proofs.Answer] = []
    encoded = [[base64.b64encode(data).decode() for data in case] for case in cases]
    for at in range(0, len(encoded), AT_ONCE):
        part: list[Any] = page.evaluate(_VERIFY, [encoded[at : at + AT_ONCE], vkey])
        found += [(verdict, index, what) for verdict, index, what in part]
    return found


def only_leaves_out(data: bytes, sound: bytes) -> bool:
    """Whether a bundle is a sound one without some governance, or without its openings."""
    ours, whole = json.loads(data), json.loads(sound)
    same = [name for name in ("v", "vkey", "checkpoint", "entry") if ours[name] == whole[name]]
    return len(same) == 4 and all(proven in whole["governance"] for proven in ours["governance"])


@pytest.mark.parametrize(("which", "stride"), [(0, 1), (1, 4), (2, 19), (3, 23), (4, 41)])
def test_every_spoiled_bundle_gets_the_verdict_of_the_standalone_verifier(
    page: "Page", tmp_path: Path, which: int, stride: int
) -> None:
    sound = proofs.bundles()[which]
    vkey = json.loads(sound)["vkey"]
    cases = [sound, *proofs.spoiled_bundles(sound)[::stride]]
    theirs = [proofs.of_bundle(data, vkey, tmp_path) for data in cases]
    ours = answers(page, [[data] for data in cases], vkey)
    assert len(cases) > 300
    differ = [
        (data[:300], one, other)
        for data, one, other in zip(cases, theirs, ours, strict=True)
        if one != other
    ]
    assert differ == []
    # What a bundle leaves out, only the whole log shows; any other change is found.
    held = [data for data, (verdict, _, _) in zip(cases, theirs, strict=True) if verdict == "sound"]
    assert held[0] == sound
    assert [data for data in held if not only_leaves_out(data, sound)] == []


def test_all_three_decide_alike_about_what_governance_allows(page: "Page", tmp_path: Path) -> None:
    cases = proofs.governed_bundles()
    vkey = json.loads(cases[0])["vkey"]
    theirs = [proofs.of_bundle(data, vkey, tmp_path) for data in cases]
    assert answers(page, [[data] for data in cases], vkey) == theirs
    core = [proofs.of_core(data, parse_vkey(vkey)) for data in cases]
    assert core == [verdict for verdict, _, _ in theirs]
    assert core[:11] == ["sound"] * 11
    assert core.count("bad") > 12


@pytest.mark.parametrize(
    "text", ['{"a":NaN}', "[" * 100_000, '{"a":' * 2000 + "1" + "}" * 2000, "\0", "9" * 5000, "+"]
)
def test_hostile_files_are_bad_and_nothing_worse(page: "Page", tmp_path: Path, text: str) -> None:
    data = text.encode()
    assert proofs.of_bundle(data, None, tmp_path)[0] == "bad"
    assert answers(page, [[data]], None)[0][0] == "bad"


@pytest.mark.parametrize("vkey", [None, "", "x", "a+b+c", "theriac.example/t1+00332239+AQOh"])
def test_the_given_key_decides(page: "Page", tmp_path: Path, vkey: str | None) -> None:
    sound = proofs.bundles()[1]
    expected = proofs.of_bundle(sound, vkey, tmp_path)
    assert answers(page, [[sound]], vkey) == [expected]
    assert expected[0] == ("sound" if vkey is None else "bad")


def test_every_spoiled_receipt_gets_the_verdict_of_the_standalone_verifier(page: "Page") -> None:
    log, cast = small_log()
    receipt = log.submit(cast.pharmacy, *(log.draft(DONE, {"n": n}) for n in range(3)))
    other = log.submit(cast.pharmacy, log.draft(DONE, {}))
    bundle = log.bundle(16)
    sound = canonical_bytes(receipt.as_json())
    cases = [sound, canonical_bytes(other.as_json()), *proofs.spoiled_receipts(sound)]
    theirs = [proofs.of_receipt(data, bundle) for data in cases]
    ours = answers(page, [[bundle, data] for data in cases], None)
    assert [verdict for verdict, _, _ in theirs[:5]] == ["sound", "bad", "sound", "sound", "sound"]
    assert len(cases) > 200
    assert ours == theirs


def test_a_sequenced_receipt_proves_its_own_place(page: "Page") -> None:
    log, cast = small_log()
    receipt = log.submit(cast.pharmacy, *(log.draft(DONE, {"n": n}) for n in range(3)))
    log.submit(cast.pharmacy, log.draft(DONE, {}))
    whole = {**receipt.as_json(), "sequenced": sequenced(log, 14, 3)}
    # A bundle of any entry will do: it names the receipt key.
    bundle, key = log.bundle(11), log.receipt_signer.public_key
    spoiled = [{**whole, "sequenced": form} for form in proofs.spoiled_values(whole["sequenced"])]
    spoiled += [{**whole, "entry_ids": form} for form in proofs.spoiled_values(whole["entry_ids"])]
    cases = [proofs.loose(form) for form in (whole, *spoiled) if form is whole or form != whole]
    theirs = [proofs.of_sequenced(data, key, log.vkey) for data in cases]
    with_places = proofs.loose({**whole, "places": [{"entry_id": "00", "log_index": 1}]})
    ours = answers(page, [[bundle, data] for data in [*cases, with_places]], None)
    assert [verdict for verdict, _, _ in ours] == [*theirs, "sound"]
    assert theirs.count("sound") == 1
    assert len(cases) > 400


def test_every_flipped_bit_of_a_tlog_proof_is_decided_as_the_core_decides(page: "Page") -> None:
    folder = shared_vectors("tlog/sumdb-256")
    vkey = (folder / "vkey").read_text().strip()
    proof, leaf = (folder / "leaf.tlog-proof").read_bytes(), (folder / "leaf").read_bytes()
    cases = [(proof, leaf)]
    cases += [(form, leaf) for form in proofs.flips(proof) if form.startswith(b"c2sp.org/")]
    cases += [(proof, form) for form in proofs.flips(leaf)]
    key = parse_vkey(vkey)
    theirs = [proofs.of_tlog_proof(data, of, key) for data, of in cases]
    ours = answers(page, cases, vkey)
    assert [verdict for verdict, _, _ in ours] == theirs
    assert theirs.count("sound") == 1


def test_a_tlog_proof_of_ours_holds_with_its_bundle_or_its_entry(page: "Page") -> None:
    log, _ = small_log()
    vkey, proven = format_vkey(log.vkey), log.proven(11)
    data = format_tlog_proof(
        TlogProof(index=11, hashes=proven.proof, checkpoint=log.checkpoint(), extra=b"more")
    )
    cases = [[data, log.bundle(11)], [data, proven.entry], [data, log.bundle(9)], [data]]
    said = answers(page, cases, vkey)
    assert [verdict for verdict, _, _ in said] == ["sound", "sound", "bad", "incomplete"]
    assert answers(page, [[data, proven.entry]], None)[0][0] == "bad"


def test_a_checkpoint_is_checked_alone_and_against_a_bundle(page: "Page") -> None:
    log, cast = small_log()
    vkey, bundle, note = format_vkey(log.vkey), log.bundle(11, [OPENING]), log.checkpoint()
    fork, _ = small_log()
    del fork.leaves[-2:]
    fork.submit(cast.pharmacy, fork.draft(DONE, {"another": "history"}))
    assert len(fork.leaves) == len(log.leaves)
    forked, spoiled = fork.checkpoint(), note.replace(b"14", b"15")
    cases = [[note], [spoiled], [note, bundle], [forked], [forked, bundle]]
    said = answers(page, cases, vkey)
    verdicts = [verdict for verdict, _, _ in said]
    assert verdicts == ["sound", "bad", "sound", "sound", "bad"]
    assert "two histories" in said[-1][2]


def test_cosignatures_of_witnesses_are_no_hindrance(page: "Page") -> None:
    log, _ = small_log()
    note, witness = log.checkpoint(), ScriptedWitness(name="w.example", log_vkey="")
    cosigned = note + witness.line(parse_note(note).text)
    bundle = with_checkpoint(log.bundle(11), cosigned)
    proof = format_tlog_proof(TlogProof(index=11, hashes=log.proven(11).proof, checkpoint=cosigned))
    said = answers(page, [[cosigned], [bundle], [proof, bundle]], format_vkey(log.vkey))
    assert [verdict for verdict, _, _ in said] == ["sound"] * 3
    # The log's own signature is demanded all the same.
    alone = cosigned.replace(note.split(b"\n")[-2] + b"\n", b"")
    assert answers(page, [[alone]], format_vkey(log.vkey))[0][0] == "bad"


def holds(public_key: bytes, message: bytes, signature: bytes) -> bool:
    try:
        check_signature(public_key, message, signature)
    except SignatureError:
        return False
    return True


def test_it_decides_about_every_published_signature_as_libsodium_does(page: "Page") -> None:
    cases = [
        (bytes.fromhex(case["key"]), case["msg"].encode(), bytes.fromhex(case["sig"]))
        for case in json.loads(
            shared_vectors("crypto/ed25519/cctv_ed25519vectors.json").read_bytes()
        )
    ]
    for name in ("ed25519/wycheproof_ed25519_test.json", "wycheproof/ed25519_test.json"):
        groups = json.loads(shared_vectors(f"crypto/{name}").read_bytes())["testGroups"]
        cases += [
            (
                bytes.fromhex(group["publicKey"]["pk"]),
                bytes.fromhex(test["msg"]),
                bytes.fromhex(test["sig"]),
            )
            for group in groups
            for test in group["tests"]
        ]
    encoded = [[base64.b64encode(part).decode() for part in case] for case in cases]
    said = page.evaluate(_SIGNATURES, encoded)
    expected = [holds(*case) for case in cases]
    assert said == expected
    assert len(cases) > 914 + 151
    assert expected.count(True) >= 43 + 88


def test_its_hashes_are_sha_2_at_every_length_around_a_block(page: "Page") -> None:
    differ = page.evaluate(
        """async () => {
            const differ = [];
            for (let size = 0; size < 300; size += 1) {
                const data = Uint8Array.from({ length: size }, (_, at) => (at * 7 + size) % 256);
                for (const [name, ours] of [["256", "sha256"], ["512", "sha512"]]) {
                    const theirs = await crypto.subtle.digest(`SHA-${name}`, data);
                    const found = TheriacVerify[ours](data);
                    if (String(new Uint8Array(theirs)) !== String(found)) differ.push([name, size]);
                }
            }
            return differ;
        }"""
    )
    assert differ == []


@pytest.mark.parametrize(
    "time",
    [
        "2024-02-29T23:59:59.999Z",
        "2026-02-29T00:00:00.000Z",
        "2026-04-31T00:00:00.000Z",
        "2026-01-01T24:00:00.000Z",
        "2026-01-01T00:00:60.000Z",
        "2026-13-01T00:00:00.000Z",
        "0000-01-01T00:00:00.000Z",
        "0001-01-01T00:00:00.000Z",
        "9999-12-31T23:59:59.999Z",
        "2026-01-01T00:00:00Z",
        "2026-01-01T00:00:00.000+",
    ],
)
def test_it_knows_the_same_calendar(page: "Page", time: str) -> None:
    assert page.evaluate("(time) => TheriacVerify.isTime(time)", time) is proofs.VERIFIER.is_time(
        time
    )
