import hashlib
from typing import Any

import pytest

from claims.core import contract_check
from claims.core.cel_profile import EnginesDisagreeError
from claims.core.codec import format_json
from claims.core.contract import ContractError, format_contract, parse_contract
from claims.core.contract_check import check_contract
from ledger.core.canonical import canonical_bytes
from tests.claims import world


def written() -> dict[str, Any]:
    """Return the plan of this small world as JSON, golden claim included."""
    value: Any = format_json(world.contract().terms)
    return dict(value)


def faults_of(value: object) -> list[str]:
    with pytest.raises(ContractError) as caught:
        check_contract(canonical_bytes(value))
    return list(caught.value.faults)


def test_the_plan_is_fit_to_be_signed_and_its_hash_is_its_id() -> None:
    data = canonical_bytes(written())
    contract = check_contract(data)
    assert contract.id == hashlib.sha256(data).hexdigest()
    assert format_contract(contract.terms) == data


def change(path: str, to: object) -> dict[str, Any]:
    """Return the plan with the member at ``path`` changed."""
    value = written()
    *steps, last = [int(step) if step.isdigit() else step for step in path.split("/")]
    at: Any = value
    for step in steps:
        at = at[step]
    at[last] = to
    return value


TEN = ["1", "", "", "1.00", ""]


@pytest.mark.parametrize(
    ("path", "to", "fault"),
    [
        ("v", 2, "$.v: only version 1 is known"),
        ("cel", "other", "$.cel: only theriac-cel-1 is known"),
        ("dos/to", "2025-12-31", "$.dos: ends before it begins"),
        ("facts/line.weight", "int", "$.facts.line.weight: no such fact of this type"),
        ("facts/line.number", "string", "$.facts.line.number: no such fact of this type"),
        ("golden", [], "$.golden: at least one golden claim shows what the contract means"),
        ("tables/fee/cols", ["code"], "$.tables.fee.cols: code and amount"),
        ("tables/fee/cols", ["code", "amount", "code"], "$.tables.fee.cols: code and amount"),
        ("tables/fee/rows/0", ["G0439"], "$.tables.fee.rows[0]: 1 cells under 5 columns"),
        ("tables/fee/rows/1", ["G0439", *TEN[1:]], "$.tables.fee.rows[1]: without a code, or"),
        ("tables/fee/rows/1", ["", *TEN[1:]], "$.tables.fee.rows[1]: without a code, or"),
        ("tables/fee/rows/1", [*TEN[:3], "1", ""], "$.tables.fee.rows[1]: '1' is not an amount"),
        ("tables/fee/rows/1", [*TEN[:4], "x"], "$.tables.fee.rows[1]: mue is a number of units"),
        ("edits/0/edit", "filing", "$.edits: each of eligibility, filing, duplicate, schedule"),
        ("edits/0/group", "XX", "$.edits[0].group: none of CO, OA, PI, PR"),
        ("evidence/1/category", "drug", "$.evidence[1].category: stands above already"),
        ("evidence/1/tier", "T2", "$.evidence[1].tier: custody is shown of a dispensing"),
        ("evidence/0/deny", ["CO"], "$.evidence[0].deny: [group, CARC]"),
        ("evidence/0/deny", ["CO", "96"], "$.evidence[0].deny: CARC 96 demands a remark code"),
        ("guards/0/deny", ["CO", "16"], "$.guards[0].deny: CARC 16 demands a remark code"),
        ("edits/2/group", "CO", "$.edits[2].group: a duplicate (CARC 18) goes with OA"),
        ("guards/1/id", "G10", "$.guards[1].id: stands above already"),
        ("guards/1/id", "copay", "$.guards[1].id: the name of a built-in rule"),
        ("guards/1/deny", ["CO", "50"], "$.guards[1]: exactly one of deny and pend"),
        ("guards/1/pend", ["??", "50"], "$.guards[1].pend: [group, CARC]"),
        ("guards/0/when", "line.units > 1.5", "$.guards[0].when: character 14: not in the"),
        ("guards/0/when", "1 > 'a'", "$.guards[0].when: INVALID_ARGUMENT"),
        ("guards/0/clause", " ", "$.guards[0].clause: not a clause's text"),
        ("steps/0/step", "copay", "$.steps: a step stands twice"),
        ("steps/0/step", "noncovered", "$.steps[0].step: not one of allowed"),
        ("steps/1/step", "oop", "$.steps: oop comes last"),
        ("params/coinsurance_bp", 10001, "$.params.coinsurance_bp: from 0 to 10000"),
        ("params/filing_days", -1, "$.params.filing_days: not negative"),
        ("golden/0/claim/payer_id", "OTHER", "$.golden[0]: the contract is of payer PAYER1"),
        ("golden/0/expect/status", "denied", "$.golden[0].expect.status: comes out paid"),
        ("golden/0/expect/lines", [], "$.golden[0].expect.lines: the claim has 1"),
        ("golden/0/expect/lines/0/paid", "1.00", "$.golden[0].expect.lines[0]: comes out paid"),
        ("surprise", 1, "$.surprise: no such member"),
    ],
)
def test_a_fault_is_named_with_its_path(path: str, to: object, fault: str) -> None:
    assert [found for found in faults_of(change(path, to)) if found.startswith(fault)]


def test_a_denial_that_its_remark_explains_is_fit() -> None:
    data = format_contract(world.remarked("16", "M119").terms)
    assert check_contract(data).evidence["drug"].deny == ("CO", "16", "M119")


def test_a_guard_says_deny_or_pend() -> None:
    value = written()
    del value["guards"][0]["deny"]
    assert faults_of(value) == ["$.guards[0]: exactly one of deny and pend"]


@pytest.mark.parametrize("step", ["copay", "deductible", "coinsurance", "oop"])
def test_a_parameter_without_its_step_is_out_of_reach(step: str) -> None:
    value = written()
    value["steps"] = [each for each in value["steps"] if each["step"] != step]
    name = {"coinsurance": "coinsurance_bp", "oop": "oop_max"}.get(step, step)
    assert f"$.params.{name}: stands if and only if the step {step} does" in faults_of(value)


def test_a_contract_that_is_not_canonical_is_refused() -> None:
    for data in (b"", b"{", b"{ }", b"[]", b"\xff", canonical_bytes(written()) + b" "):
        with pytest.raises(ContractError):
            parse_contract(data)


def test_engines_that_disagree_on_a_golden_claim_block_the_contract(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    value = written()

    def disagree(*_: object) -> None:
        raise EnginesDisagreeError("they do")

    monkeypatch.setattr(contract_check, "check_agreement", disagree)
    assert faults_of(value) == [
        "$.golden[0]: two engines disagree on guard G10 for line 1",
        "$.golden[0]: two engines disagree on guard G20 for line 1",
    ]
