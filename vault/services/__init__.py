"""All writes of the vault, and its reads of personal data."""

from vault.services.items import Sealed, opening_get, personal_get, personal_put
from vault.services.subjects import subject_ensure, tag_next

__all__ = [
    "Sealed",
    "opening_get",
    "personal_get",
    "personal_put",
    "subject_ensure",
    "tag_next",
]
