"""Which parties named in consents can be told from the reader and the holder, and which cannot.

A hospital's own ids for organisations and people mean nothing to the channel, and nobody looks
groups, teams and roles up yet. In a deny such a name might mean whoever asks, or the holder
itself, so there it matches; in a permit it matches nobody.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from records.core.consent_values import CompiledConsent, Rule, Sense

# They act for themselves, never as staff of the organisation that reads.
_PRIVATE = ("Patient/", "RelatedPerson/")


def named_parties(consents: Iterable[CompiledConsent], *, base: str) -> frozenset[str]:
    """Return who is named in denies, as a recipient or as a custodian, private persons apart."""
    named: frozenset[str] = frozenset()
    for consent in consents:
        for rule in consent.rules:
            if rule.sense is Sense.FORBID:
                named |= rule.request.recipients or frozenset()
                named |= rule.data.custodians or frozenset()
    private = tuple(f"{base}{kind}" for kind in _PRIVATE)
    return frozenset(each for each in named if not each.startswith(private))


def settle_custodians(
    consents: Iterable[CompiledConsent], *, unresolved: Collection[str]
) -> list[CompiledConsent]:
    """Return the consents, a deny of an unresolved custodian's data widened to all data."""
    return [
        replace(consent, rules=tuple(_settle_rule(rule, unresolved) for rule in consent.rules))
        for consent in consents
    ]


def _settle_rule(rule: Rule, unresolved: Collection[str]) -> Rule:
    custodians = rule.data.custodians
    if rule.sense is not Sense.FORBID or custodians is None or custodians.isdisjoint(unresolved):
        return rule
    return replace(rule, data=replace(rule.data, custodians=None))


def organisations_named(references: Iterable[str], *, base: str) -> Sequence[str]:
    """Return the ids of the references to organisations below ``base``."""
    return _ids(references, f"{base}Organization/")


def people_named(references: Iterable[str], *, base: str) -> Sequence[str]:
    """Return the ids of the references to practitioners below ``base``."""
    return _ids(references, f"{base}Practitioner/")


def _ids(references: Iterable[str], prefix: str) -> Sequence[str]:
    found = (each for each in references if each.startswith(prefix))
    return sorted(each.removeprefix(prefix) for each in found)
