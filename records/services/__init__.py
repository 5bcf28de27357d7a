"""All writes of records, and the reads, which leave an entry."""

from records.core.search import PersonName
from records.services.break_glass import (
    Glass,
    GlassDetail,
    breaking_check,
    glass_break,
    glass_explain,
    glass_read,
    glass_review,
)
from records.services.deciding import LIMITS, Asking, PurposeError, asking_for
from records.services.disclosures import DisclosureInfo, disclosure_feed
from records.services.evidence import (
    EvidenceFact,
    EvidenceState,
    RecordEvidence,
    record_evidence,
)
from records.services.intake import (
    Recorded,
    RecordedVersion,
    records_submit,
    versions_before,
)
from records.services.reads import (
    Shown,
    ShownRecord,
    access_explain,
    record_read,
    record_search,
)

__all__ = [
    "LIMITS",
    "Asking",
    "DisclosureInfo",
    "EvidenceFact",
    "EvidenceState",
    "Glass",
    "GlassDetail",
    "PersonName",
    "PurposeError",
    "RecordEvidence",
    "Recorded",
    "RecordedVersion",
    "Shown",
    "ShownRecord",
    "access_explain",
    "asking_for",
    "breaking_check",
    "disclosure_feed",
    "glass_break",
    "glass_explain",
    "glass_read",
    "glass_review",
    "record_evidence",
    "record_read",
    "record_search",
    "records_submit",
    "versions_before",
]
