"""Endorsement policies: set by the operator, for kinds whose endorsements can be gathered here."""

import datetime as dt
from collections.abc import Mapping, Sequence
from uuid import UUID, uuid4

from django.apps import apps

from foundation.core.actor import Actor
from foundation.core.problem import NotBuiltError
from foundation.tenancy import acting_as
from ledger.core.canonical import Json
from ledger.core.endorsement import EndorsementPolicy
from ledger.core.entry import EntryDraft
from ledger.core.governance import MEMBER_LEFT, POLICY_SET
from ledger.core.receipt import Receipt
from ledger.errors import GovernanceRefusedError
from ledger.selectors import current_log, is_operator
from ledger.services.governed import governance_now
from ledger.services.submissions import submission_append

# Governance whose whole effect is its entry; other kinds of it come with rows of an app, or keys.
_GATHERED = (POLICY_SET, MEMBER_LEFT)


def policy_set(
    *,
    actor: Actor,
    kind: str,
    n: int,
    organisations: Sequence[UUID] = (),
    member_kind: str = "",
    now: dt.datetime,
) -> Receipt:
    """Set the endorsement policy of a kind, or end it with ``n`` zero; return the receipt.

    Raise ``NotBuiltError`` for a kind whose endorsements nobody could gather here,
    ``GovernanceRefusedError`` for who may not or a policy that could not be met, and
    ``EndorsementsNeededError`` where policies are under a policy themselves.
    """
    with acting_as(actor):
        if not is_operator():
            raise GovernanceRefusedError("only the operator sets policies")
        body: dict[str, Json] = {"kind": kind, "n": n}
        if member_kind:
            body["member_kind"] = member_kind
        else:
            body["orgs"] = [*sorted(str(each) for each in set(organisations))]
        check_gathered(POLICY_SET, body)
        draft = EntryDraft(kind=POLICY_SET, id=uuid4(), body=body)
        return submission_append(actor=actor, entries=[draft], now=now)


def policy_list(actor: Actor) -> list[EndorsementPolicy]:
    """Return the policies in force by what is in the log or promised, by kind."""
    with acting_as(actor):
        policies = governance_now(current_log()).governance.policies
        return [policies[kind] for kind in sorted(policies) if policies[kind].n]


def check_gathered(kind: str, body: Mapping[str, Json]) -> None:
    """Raise ``NotBuiltError`` for an entry that would need more than itself to be appended.

    Also for a policy of such a kind: its entries could not be written here any more.
    """
    kinds = [kind]
    if kind == POLICY_SET and body.get("n") != 0:
        kinds.append(str(body.get("kind", "")))
    for each in kinds:
        app = each.partition(".")[0]
        if each not in _GATHERED and app in {config.label for config in apps.get_app_configs()}:
            raise NotBuiltError(
                f"endorsements of {each} cannot be gathered here: an app writes more than the entry"
            )
