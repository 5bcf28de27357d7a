"""The elements of one Consent provision: read, inherited, compared, settled.

Reading keeps apart what was understood and whether anything was not; only the sense of the rule
tells what the latter means, so it is settled last: an unknown alternative cannot make a permit
match, and makes a deny match everything in its element.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from typing import Generic, TypeVar

from records.core.consent_values import (
    ACT_CODE,
    ACT_REASON,
    ACTIONS,
    CONFIDENTIALITY,
    CONSENT_ACTION,
    MEDIA_TYPES,
    PARTICIPATION_TYPE,
    RESOURCE_TYPES,
    DataCriteria,
    DataMeaning,
    DataReference,
    RequestCriteria,
    Sense,
)
from records.core.fhir_json import (
    Coding,
    DateRange,
    FhirError,
    FhirObject,
    IssueType,
    concept_codings,
    parse_coding,
    parse_period,
    reference_of,
)

# v3-Confidentiality from the least to the most: unrestricted, low, moderate, normal, restricted,
# very restricted.
LEVELS = ("U", "L", "M", "N", "R", "V")
_PARTIES = {"PRCP": "recipients", "IRCP": "recipients", "CST": "custodians", "AUT": "authors"}
_MEMBERS = frozenset(
    [
        "id",
        "extension",
        "type",
        "period",
        "actor",
        "action",
        "securityLabel",
        "purpose",
        "class",
        "code",
        "dataPeriod",
        "data",
        "provision",
    ]
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Choice(Generic[T]):
    """Alternatives of one element; ``unknown`` if one of them was not understood."""

    values: frozenset[T]
    unknown: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Elements:
    """What a provision states; None where it states nothing.

    Actors are three elements, by the party that their role names: each is inherited by itself.
    """

    period: DateRange | None = None
    recipients: Choice[str] | None = None
    custodians: Choice[str] | None = None
    authors: Choice[str] | None = None
    actions: Choice[str] | None = None
    purposes: Choice[Coding] | None = None
    labels: Choice[Coding] | None = None
    classes: Choice[Coding] | None = None
    codes: Choice[Coding] | None = None
    data_period: DateRange | None = None
    data: Choice[tuple[DataMeaning, str]] | None = None
    unknown: Choice[str] | None = None  # a member, or an actor's role, of no known meaning

    @property
    def has_unknown(self) -> bool:
        """Whether anything in it was not understood."""
        return any(choice.unknown for choice in self.choices().values())

    @property
    def names_nobody(self) -> bool:
        """Whether it is about nothing, or about whose data, but says nothing of who may why."""
        return self == Elements() or (
            self.custodians is not None and self.recipients is None and self.purposes is None
        )

    def choices(self) -> "dict[str, Choice[object]]":
        """Return the stated elements that are alternatives."""
        stated = ((field.name, getattr(self, field.name)) for field in fields(self))
        return {name: value for name, value in stated if isinstance(value, Choice)}


def read_elements(provision: FhirObject, base: str) -> Elements:
    """Return the elements of one provision; raise ``FhirError`` for what is malformed."""
    unknown = any(name not in _MEMBERS for name in provision.members)
    parties: dict[str, list[str | None]] = {}
    for actor in provision.children("actor"):
        party = _party(actor)
        reference = reference_of(_required(actor, "reference"), base=base)
        if party is None:
            unknown = True
        else:
            parties.setdefault(party, []).append(reference)
    return Elements(
        period=_period(provision, "period"),
        recipients=_choice(parties.get("recipients", [])),
        custodians=_choice(parties.get("custodians", [])),
        authors=_choice(parties.get("authors", [])),
        actions=_choice([_action(each) for each in provision.children("action")]),
        purposes=_codings(provision, "purpose", lambda each: each.system == ACT_REASON),
        labels=_codings(provision, "securityLabel", _is_known_label),
        classes=_codings(
            provision, "class", lambda each: each.system in (RESOURCE_TYPES, MEDIA_TYPES)
        ),
        codes=_concepts(provision, "code"),
        data_period=_period(provision, "dataPeriod"),
        data=_choice([_data(each, base) for each in provision.children("data")]),
        unknown=Choice(frozenset(), unknown=True) if unknown else None,
    )


def inherit(own: Elements, parent: Elements) -> Elements:
    """Return the elements with those of the parent where none is stated."""
    missing = {
        field.name: getattr(parent, field.name)
        for field in fields(own)
        if getattr(own, field.name) is None
    }
    return replace(own, **missing)


def is_broader(own: Elements, parent: Elements) -> bool:
    """Return whether what is stated is stated by the parent too, and no wider there."""
    for field in fields(own):
        mine, theirs = getattr(own, field.name), getattr(parent, field.name)
        if mine is not None and not _covers(mine, theirs):
            return False
    return True


def settle_request(elements: Elements, sense: Sense) -> RequestCriteria | None:
    """Return what a request is asked, or None for a permit of what was not understood."""
    if sense is Sense.PERMIT and _is_void(elements):
        return None
    return RequestCriteria(
        period=elements.period,
        recipients=_settled(elements.recipients, sense),
        actions=_settled(elements.actions, sense),
        purposes=_settled(elements.purposes, sense),
    )


def settle_data(elements: Elements, sense: Sense, *, follows_pcf: bool) -> DataCriteria | None:
    """Return what a record is asked, or None for a permit of what was not understood.

    R4: `related` is what the target refers to, `dependents` what refers to it; IHE PCF uses
    `related` for the latter. A deny takes both ways.
    """
    if sense is Sense.PERMIT and _is_void(elements):
        return None
    data = _settled(elements.data, sense)
    return DataCriteria(
        labels=_settled(elements.labels, sense),
        classes=_settled(elements.classes, sense),
        codes=_settled(elements.codes, sense),
        data_period=elements.data_period,
        custodians=_settled(elements.custodians, sense),
        authors=_settled(elements.authors, sense),
        data=None
        if data is None
        else frozenset(_linked(*each, sense=sense, follows_pcf=follows_pcf) for each in data),
    )


def _linked(
    meaning: DataMeaning, reference: str, *, sense: Sense, follows_pcf: bool
) -> DataReference:
    is_linked = meaning in (DataMeaning.RELATED, DataMeaning.DEPENDENTS)
    is_outward = meaning is DataMeaning.DEPENDENTS or follows_pcf
    is_deny = sense is Sense.FORBID
    return DataReference(
        meaning=meaning,
        reference=reference,
        refers_to=is_linked and (is_deny or is_outward),
        referred_by=is_linked and (is_deny or not is_outward),
    )


def _is_void(elements: Elements) -> bool:
    """Return whether some element has no alternative left that is understood."""
    return any(not choice.values for choice in elements.choices().values())


def _settled(choice: Choice[T] | None, sense: Sense) -> frozenset[T] | None:
    if choice is None or (choice.unknown and sense is Sense.FORBID):
        return None
    return choice.values


def _covers(mine: object, theirs: object) -> bool:
    match mine, theirs:
        case Choice(), Choice():
            return not mine.unknown and not theirs.unknown and mine.values >= theirs.values
        case DateRange(), DateRange():
            return mine.start <= theirs.start and mine.end >= theirs.end
    return False


def _choice(values: Iterable[T | None]) -> Choice[T] | None:
    """Return the alternatives, None among them being unknown; None where there are none at all."""
    found = list(values)
    known = frozenset(value for value in found if value is not None)
    return Choice(known, unknown=None in found) if found else None


def _codings(
    provision: FhirObject, name: str, is_known: Callable[[Coding], bool]
) -> Choice[Coding] | None:
    """Return codes: those of other systems too, which can only be compared letter by letter.

    That is enough for a permit; a deny of them might mean more than we know.
    """
    found = [parse_coding(each) for each in provision.children(name)]
    if not found:
        return None
    named = [coding for coding in found if coding is not None and coding.system]
    usable = (coding for coding in named if coding.system != CONFIDENTIALITY or is_known(coding))
    return Choice(
        frozenset(usable), unknown=len(named) < len(found) or not all(map(is_known, named))
    )


def _is_known_label(label: Coding) -> bool:
    return label.system == ACT_CODE or (label.system == CONFIDENTIALITY and label.code in LEVELS)


def _concepts(provision: FhirObject, name: str) -> Choice[Coding] | None:
    found: list[Coding | None] = []
    for concept in provision.children(name):
        named = [coding for coding in concept_codings(concept) if coding.system]
        found += named or [None]
    return _choice(found)


def _action(concept: FhirObject) -> str | None:
    codes = {each.code for each in concept_codings(concept) if each.system == CONSENT_ACTION}
    known = sorted(codes & ACTIONS)
    return known[0] if len(known) == 1 else None


def _party(actor: FhirObject) -> str | None:
    """Return which party the role names; None for a role of no known meaning, or two at once."""
    parties = {
        _PARTIES.get(coding.code) if coding.system == PARTICIPATION_TYPE else None
        for coding in concept_codings(_required(actor, "role"))
    }
    return parties.pop() if len(parties) == 1 else None


def _data(data: FhirObject, base: str) -> tuple[DataMeaning, str] | None:
    reference = reference_of(_required(data, "reference"), base=base)
    try:
        meaning = DataMeaning(data.required_text("meaning"))
    except ValueError:
        return None
    return None if reference is None else (meaning, reference)


def _period(provision: FhirObject, name: str) -> DateRange | None:
    period = provision.child(name)
    return None if period is None else parse_period(period)


def _required(parent: FhirObject, name: str) -> FhirObject:
    child = parent.child(name)
    if child is None:
        raise FhirError(f"{parent.path}.{name}", "is required", IssueType.REQUIRED)
    return child
