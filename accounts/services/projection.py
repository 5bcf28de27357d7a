"""Organisations as rows: written with their entries, and rebuilt from them at any time."""

from accounts.core.organisation import (
    KINDS,
    OrganisationFacts,
    OrganisationKind,
    admitted_organisation,
    fold_organisations,
)
from accounts.models import Organisation
from foundation.core.actor import SYSTEM, Actor
from foundation.tenancy import acting_as
from ledger.core.entry import parse_entry
from ledger.core.governance import GENESIS_INDEX
from ledger.core.merkle import leaf_hash
from ledger.selectors import current_log, entry_list, leaf_data

# Admissions and credentials are thousands, not millions.
_ENTRIES_MAX = 1_000_000


def organisations_project() -> list[OrganisationFacts]:
    """Make the rows what the sequenced log says; return the organisations, in log order.

    Raise ``OrganisationError`` or ``CredentialError`` for an entry that cannot be read.
    """
    with acting_as(SYSTEM):
        entries = entry_list(kinds=KINDS, limit=_ENTRIES_MAX)
        folded = fold_organisations((info.entry_id, parse_entry(info.content)) for info in entries)
        for facts in folded.values():
            _write(facts)
        return list(folded.values())


def operator_project(*, actor: Actor) -> None:
    """Make the operator's own row where it is missing: the genesis was before any account.

    ``actor`` is the operator's.
    """
    with acting_as(actor):
        log = current_log()
        if Organisation.objects.filter(id=log.operator_id).exists():
            return
        (data,) = leaf_data(log, GENESIS_INDEX, GENESIS_INDEX + 1)
        facts = admitted_organisation(leaf_hash(data), parse_entry(data))
        Organisation.objects.bulk_create([_row(facts)], ignore_conflicts=True)


def _write(facts: OrganisationFacts) -> None:
    row = _row(facts)
    kept = Organisation.objects.filter(id=facts.id).update(
        name=row.name, kind=row.kind, gln=row.gln, entry_id=row.entry_id
    )
    if kept == 0:
        row.save(force_insert=True)


def _row(facts: OrganisationFacts) -> Organisation:
    return Organisation(
        id=facts.id,
        name=facts.name,
        kind=OrganisationKind(facts.kind).value,
        gln=facts.gln,
        entry_id=facts.entry_id,
    )
