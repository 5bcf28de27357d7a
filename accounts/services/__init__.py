"""All writes of accounts."""

from accounts.services.anchors import organisation_anchor, organisation_anchor_many
from accounts.services.api_keys import api_key_actor, api_key_create, api_key_revoke
from accounts.services.keys import (
    my_key_add,
    organisation_key_make,
    organisation_key_offer,
    organisation_key_revoke,
    organisation_key_rotate,
    organisation_leave,
)
from accounts.services.organisations import (
    CredentialTakenError,
    OrganisationExistsError,
    credential_verify,
    organisation_admit,
)
from accounts.services.people import (
    EmailTakenError,
    WeakPasswordError,
    membership_grant,
    membership_revoke,
    user_create,
)
from accounts.services.projection import operator_project, organisations_project

__all__ = [
    "CredentialTakenError",
    "EmailTakenError",
    "OrganisationExistsError",
    "WeakPasswordError",
    "api_key_actor",
    "api_key_create",
    "api_key_revoke",
    "credential_verify",
    "membership_grant",
    "membership_revoke",
    "my_key_add",
    "operator_project",
    "organisation_admit",
    "organisation_anchor",
    "organisation_anchor_many",
    "organisation_key_make",
    "organisation_key_offer",
    "organisation_key_revoke",
    "organisation_key_rotate",
    "organisation_leave",
    "organisations_project",
    "user_create",
]
