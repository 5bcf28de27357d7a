"""All writes of provenance, and the reads that leave an entry."""

from provenance.services.capture import Captured, events_capture
from provenance.services.dispensings import Seeds
from provenance.services.evidence import (
    QUERY_DAYS_MAX,
    DispensingEvidence,
    DispensingQuery,
    GivenItem,
    dispensing_evidence,
)
from provenance.services.receiving import (
    PACKS_MAX,
    UNREADABLE,
    Received,
    RefusedPack,
    packs_receive,
)
from provenance.services.spends import (
    Amounts,
    Given,
    PaidFor,
    dispensings_hold,
    serials_spend,
)

__all__ = [
    "PACKS_MAX",
    "QUERY_DAYS_MAX",
    "UNREADABLE",
    "Amounts",
    "Captured",
    "DispensingEvidence",
    "DispensingQuery",
    "Given",
    "GivenItem",
    "PaidFor",
    "Received",
    "RefusedPack",
    "Seeds",
    "dispensing_evidence",
    "dispensings_hold",
    "events_capture",
    "packs_receive",
    "serials_spend",
]
