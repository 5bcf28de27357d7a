"""All writes of the vault, and its reads of personal data."""

from vault.services.certificates import erasure_certify
from vault.services.damage import Damage, damage_list, damage_note
from vault.services.erasures import (
    Approved,
    erasure_approve,
    erasure_propose,
    erasure_show,
    erasures_show,
)
from vault.services.items import (
    ItemDraft,
    Sealed,
    opening_get,
    openings_get,
    personal_get,
    personal_put,
    personal_put_many,
)
from vault.services.lookups import (
    LookupDraft,
    lookup_find,
    lookup_find_many,
    lookup_put,
    lookup_put_many,
)
from vault.services.rotation import Rotated, root_rotate
from vault.services.subjects import (
    subject_ensure,
    subject_find,
    subjects_ensure,
    subjects_find,
    tag_next,
    tags_next,
    tags_next_for,
)

__all__ = [
    "Approved",
    "Damage",
    "ItemDraft",
    "LookupDraft",
    "Rotated",
    "Sealed",
    "damage_list",
    "damage_note",
    "erasure_approve",
    "erasure_certify",
    "erasure_propose",
    "erasure_show",
    "erasures_show",
    "lookup_find",
    "lookup_find_many",
    "lookup_put",
    "lookup_put_many",
    "opening_get",
    "openings_get",
    "personal_get",
    "personal_put",
    "personal_put_many",
    "root_rotate",
    "subject_ensure",
    "subject_find",
    "subjects_ensure",
    "subjects_find",
    "tag_next",
    "tags_next",
    "tags_next_for",
]
