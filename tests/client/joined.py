"""Admits an organisation with a GLN, and prints an API key of it: run in a deployment.

The API key is made in the admin by people; this is that page's service, called as its program.
"""

import sys
from dataclasses import replace
from uuid import uuid4

import django

from theriac_client.client import utc_now


def main() -> None:
    django.setup()
    from accounts.services import api_key_create, organisation_admit  # noqa: PLC0415 - set up
    from foundation.core.actor import SYSTEM, organisation_actor  # noqa: PLC0415
    from foundation.tenancy import acting_as  # noqa: PLC0415
    from ledger.selectors import current_log  # noqa: PLC0415

    with acting_as(SYSTEM):
        operator_id = current_log().operator_id
    organisation_id = uuid4()
    organisation_admit(
        actor=organisation_actor(operator_id),
        organisation_id=organisation_id,
        name="Own keys",
        kind="manufacturer",
        gln=sys.argv[1],
        now=utc_now(),
    )
    scopes = ("epcis:read", "epcis:write", "ledger:read", "ledger:write")
    admin = replace(
        organisation_actor(organisation_id), scopes=frozenset({*scopes, "accounts:write"})
    )
    _, text = api_key_create(actor=admin, name="client", scopes=scopes, now=utc_now())
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
