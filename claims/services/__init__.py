"""All writes of claims, and the reads that leave an entry."""

from claims.services.adjudication import claim_decide
from claims.services.claims import (
    Submitted,
    claim_submit,
    claims_receiver,
    coverage_state,
    payer_profile_put,
)
from claims.services.contracts import contract_activate, contract_propose, contract_sign
from claims.services.decisions import Decided, claim_adjudicate, decision_replay
from claims.services.remittances import Disclosed, decision_disclose, remittance_disclose
from claims.services.shown import ClaimShown, claim_shown, claims_page_shown, claims_shown

__all__ = [
    "ClaimShown",
    "Decided",
    "Disclosed",
    "Submitted",
    "claim_adjudicate",
    "claim_decide",
    "claim_shown",
    "claim_submit",
    "claims_page_shown",
    "claims_receiver",
    "claims_shown",
    "contract_activate",
    "contract_propose",
    "contract_sign",
    "coverage_state",
    "decision_disclose",
    "decision_replay",
    "payer_profile_put",
    "remittance_disclose",
]
