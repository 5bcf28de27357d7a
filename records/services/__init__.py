"""All writes of records, and the reads, which leave an entry."""

from records.keeping import PersonName
from records.services.deciding import LIMITS, Asking, PurposeError, asking_for
from records.services.disclosures import DisclosureInfo, disclosure_feed
from records.services.intake import Recorded, RecordedVersion, records_submit
from records.services.reads import Shown, ShownRecord, access_explain, record_read, record_search

__all__ = [
    "LIMITS",
    "Asking",
    "DisclosureInfo",
    "PersonName",
    "PurposeError",
    "Recorded",
    "RecordedVersion",
    "Shown",
    "ShownRecord",
    "access_explain",
    "asking_for",
    "disclosure_feed",
    "record_read",
    "record_search",
    "records_submit",
]
