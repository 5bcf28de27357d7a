"""Replay: everything a decision was made from, in one document that makes it again.

A bundle holds the claim (without its personal part), the facts, the accumulators, the contract
and the decision's record. Whoever has it runs ``check_replay`` and needs to trust nobody.
"""

from dataclasses import dataclass
from datetime import date

from claims.core.adjudicate import adjudicate
from claims.core.codec import CodecError, format_json, parse_as
from claims.core.contract import Contract, Terms, format_contract, parse_contract
from claims.core.decision import Decision, Engine, format_decision
from claims.core.facts import Accumulators, Facts, Hash
from claims.core.model import Claim
from foundation.core.problem import BadInputError
from ledger.core.canonical import CanonicalError, canonical_bytes, parse_canonical


class ReplayError(BadInputError):
    """The bytes are no replay bundle."""

    slug = "not-a-replay-bundle"
    title = "This is not a replay bundle"


class ReplayMismatchError(BadInputError):
    """The inputs decide otherwise than the record says: an incident, never a detail."""

    slug = "replay-mismatch"
    title = "The inputs make another decision"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayInputs:
    """The inputs of one decision."""

    claim: Claim
    facts: Facts
    accumulators: Accumulators
    contract: Terms
    as_of: date
    engine: Engine
    supersedes: Hash | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayBundle:
    """The inputs of a decision and the decision."""

    v: int
    inputs: ReplayInputs
    decision: Decision


def build_replay(inputs: ReplayInputs) -> bytes:
    """Return the bundle of ``inputs`` and the decision that they make."""
    decision = _decide(inputs, parse_contract(format_contract(inputs.contract)))
    return canonical_bytes(format_json(ReplayBundle(v=1, inputs=inputs, decision=decision)))


def parse_replay(data: bytes) -> ReplayBundle:
    """Return the bundle in canonical ``data``; raise ``ReplayError``."""
    try:
        bundle = parse_as(ReplayBundle, parse_canonical(data))
    except (CanonicalError, CodecError) as error:
        raise ReplayError(error.detail) from error
    if bundle.v != 1:
        raise ReplayError(f"version {bundle.v} is not known", version=bundle.v)
    return bundle


def replay(inputs: ReplayInputs) -> bytes:
    """Return the record of the decision that ``inputs`` make.

    Raise what ``parse_contract`` and ``adjudicate`` raise.
    """
    return format_decision(_decide(inputs, parse_contract(format_contract(inputs.contract))))


def check_replay(bundle: ReplayBundle) -> None:
    """Raise ``ReplayMismatchError`` unless the inputs make the bundle's decision, byte for byte."""
    made = replay(bundle.inputs)
    recorded = format_decision(bundle.decision)
    if made != recorded:
        pairs = enumerate(zip(made, recorded, strict=False))
        position = next((at for at, (ours, theirs) in pairs if ours != theirs), len(made))
        raise ReplayMismatchError(
            f"the decision made again differs from byte {position} on", position=position
        )


def _decide(inputs: ReplayInputs, contract: Contract) -> Decision:
    return adjudicate(
        claim=inputs.claim,
        facts=inputs.facts,
        accumulators=inputs.accumulators,
        contract=contract,
        as_of=inputs.as_of,
        engine=inputs.engine,
        supersedes=inputs.supersedes,
    )
