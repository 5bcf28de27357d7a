"""Proof bundles: each entry's holds, and every part of it is needed."""

from dataclasses import replace

import pytest

from ledger.core.bundle import (
    Bundle,
    BundleError,
    Opening,
    ProvenEntry,
    check_bundle,
    format_bundle,
    parse_bundle,
)
from tests.ledger.log_builder import DONE, OPENING, Signer, small_log

LOG, CAST = small_log()
ENTRIES = [index for index in range(len(LOG.leaves)) if LOG.headers[index] != index]
BUNDLE = parse_bundle(LOG.bundle(11, [OPENING]))


@pytest.mark.parametrize("index", ENTRIES)
def test_the_bundle_of_every_entry_holds_and_reads_back(index: int) -> None:
    data = LOG.bundle(index)
    bundle = parse_bundle(data)
    assert format_bundle(bundle) == data
    checked = check_bundle(bundle, LOG.vkey)
    assert checked.index == index
    assert checked.checkpoint.size == len(LOG.leaves)
    assert checked.governance.operator_id == LOG.operator.organisation_id


def proven(**members: object) -> ProvenEntry:
    return replace(BUNDLE.entry, **members)  # type: ignore[arg-type] # the names are fields


def opening(**members: object) -> Opening:
    return replace(OPENING, **members)  # type: ignore[arg-type] # the names are fields


OTHER, _ = small_log()
OTHER.submit(CAST.pharmacy, OTHER.draft(DONE, {}))
SPOILED: list[tuple[Bundle, str]] = [
    (replace(BUNDLE, checkpoint=OTHER.checkpoint()), "another root|too short|too long"),
    (replace(BUNDLE, checkpoint=b"x"), "empty line"),
    (replace(BUNDLE, vkey="x"), "verifier key"),
    (replace(BUNDLE, vkey=BUNDLE.vkey.replace("7f3a9c", "7f3a9d")), "names the hash"),
    (replace(BUNDLE, entry=proven(index=13)), "too long"),
    (replace(BUNDLE, entry=proven(header_index=11)), "another root"),
    (replace(BUNDLE, entry=proven(entry=b"{}")), "is missing"),
    (replace(BUNDLE, entry=proven(header=b"{}")), "is missing"),
    (replace(BUNDLE, entry=proven(path=(bytes(32),))), "too long"),
    (replace(BUNDLE, entry=proven(proof=BUNDLE.entry.proof[1:])), "another root|too short"),
    (replace(BUNDLE, governance=()), "has no key"),
    (replace(BUNDLE, governance=BUNDLE.governance[1:]), "has no key"),
    (replace(BUNDLE, governance=BUNDLE.governance[::-1]), "not in order"),
    (replace(BUNDLE, governance=(*BUNDLE.governance, BUNDLE.entry)), "not in order"),
    (replace(BUNDLE, openings=(opening(data=b"abd"),)), "opening of commitment 0"),
    (replace(BUNDLE, openings=(opening(commitment=1),)), "no commitment 1"),
]


@pytest.mark.parametrize(("bundle", "reason"), SPOILED)
def test_a_part_that_is_changed_or_left_out_is_noticed(bundle: Bundle, reason: str) -> None:
    with pytest.raises(BundleError, match=reason):
        check_bundle(bundle, LOG.vkey)


def test_a_bundle_is_checked_under_the_key_that_the_caller_trusts() -> None:
    trusted = replace(LOG.vkey, public_key=LOG.operator.public_key)
    with pytest.raises(BundleError, match="another key"):
        check_bundle(BUNDLE, trusted)


def test_an_entry_under_a_forged_or_foreign_signature_does_not_hold() -> None:
    log, cast = small_log()
    log.submit(cast.pharmacy, log.draft(DONE, {}))
    log.leaves[14] = log.leaves[0][:100] + log.leaves[14][100:]
    with pytest.raises(BundleError, match="does not belong"):
        check_bundle(parse_bundle(log.bundle(15)), log.vkey)
    log, cast = small_log()
    log.submit(Signer("nobody", cast.pharmacy.organisation_id), log.draft(DONE, {}))
    with pytest.raises(BundleError, match="has no key"):
        check_bundle(parse_bundle(log.bundle(15)), log.vkey)
    log, cast = small_log()
    log.append(cast.operator, [log.leaves[13]])
    with pytest.raises(BundleError, match="names another"):
        check_bundle(parse_bundle(log.bundle(15)), log.vkey)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        format_bundle(BUNDLE) + b"\n",
        format_bundle(BUNDLE).replace(b'"v":1,"vkey"', b'"v":2,"vkey"'),
    ],
)
def test_what_is_no_bundle_is_refused(data: bytes) -> None:
    with pytest.raises(BundleError):
        parse_bundle(data)


def test_an_empty_list_of_openings_is_refused() -> None:
    data = format_bundle(replace(BUNDLE, openings=()))
    head, tail = data.rsplit(b',"v":1,"vkey"', 1)
    with pytest.raises(BundleError, match="leave it out"):
        parse_bundle(head + b',"openings":[],"v":1,"vkey"' + tail)


def test_parts_that_make_no_bundle_are_not_written() -> None:
    with pytest.raises(BundleError):
        format_bundle(replace(BUNDLE, openings=(opening(key=b"short"),)))
