"""A light checker of FHIR R4 resources, and the index that is made of them.

The bytes are kept as received; only this index is extracted: type, dates, codes, labels, authors,
links. Types that are not listed here are kept too, as opaque: nothing of theirs is trusted but
the type, the id and the security labels.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from records.core.fhir_json import (
    Coding,
    DateRange,
    FhirError,
    FhirObject,
    IssueType,
    concept_codings,
    fhir_object,
    parse_coding,
    parse_date_time,
    parse_period,
    parse_reference,
    reference_of,
)
from records.core.fhir_types import MEDIA_TYPE_SYSTEM, TYPE_SYSTEM, TYPES, ResourceType

DEPTH_MAX = 64
_NO_LINKS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordIndex:
    """What is known of a record without opening it; references are absolute.

    ``classes`` holds the resource type and, of documents, their media types. ``custodians`` are
    the organisations that hold it or are named as its source. ``referenced_by`` is None where
    nobody has looked for what refers to it. ``notes`` are places read leniently.
    """

    type: str
    id: str | None = None
    reference: str | None = None
    subject: str | None = None
    dates: tuple[DateRange, ...] = ()
    codes: frozenset[Coding] = frozenset()
    classes: frozenset[Coding] = frozenset()
    labels: frozenset[Coding] = frozenset()
    authors: frozenset[str] = frozenset()
    custodians: frozenset[str] = frozenset()
    references: frozenset[str] = frozenset()
    referenced_by: frozenset[str] | None = None
    is_opaque: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleEntry:
    """One resource of a bundle, where it stands there, and its index."""

    path: str
    full_url: str | None
    resource: Mapping[str, object]
    index: RecordIndex


def parse_resource(
    resource: object,
    *,
    base: str,
    holder: str | None = None,
    links: Mapping[str, str] = _NO_LINKS,
    path: str | None = None,
) -> RecordIndex:
    """Return the index of a resource whose JSON was read with numbers as ``Decimal``.

    ``base`` (ending in a slash) is put before relative references, ``holder`` is the organisation
    that keeps the record, ``links`` maps a bundle's `fullUrl` to absolute references, ``path``
    is where the resource stands (its type by default). Raise ``FhirError``.
    """
    record = fhir_object(resource, path or "Resource")
    name = record.required_text("resourceType")
    if path is None:
        record = FhirObject(record.members, name if name in TYPES else "Resource")
    id_ = record.text("id")
    found = tuple(_references(record, base))
    own = parse_reference(f"{name}/{id_}", base=base, path=f"{record.path}.id") if id_ else None
    kind = TYPES.get(name)
    index = RecordIndex(
        type=name,
        id=id_,
        reference=own,
        classes=frozenset({Coding(system=TYPE_SYSTEM, code=name)}),
        labels=_labels(record),
        custodians=frozenset({holder} if holder else ()),
        references=frozenset(links.get(each, each) for each in found),
        is_opaque=kind is None,
    )
    return index if kind is None else _indexed(record, kind, index, base=base, links=links)


def parse_bundle(
    bundle: object, *, base: str, holder: str | None = None
) -> tuple[BundleEntry, ...]:
    """Return the entries of a Bundle that hold a resource, each with its path.

    References between entries by `fullUrl` become references to type and id. Raise ``FhirError``
    with the path of the entry.
    """
    root = fhir_object(bundle, "Bundle")
    if root.required_text("resourceType") != "Bundle":
        raise FhirError("Bundle.resourceType", "is not Bundle", IssueType.VALUE)
    _check_kind(root, TYPES["Bundle"])
    found: list[tuple[FhirObject, str | None]] = []
    links: dict[str, str] = {}
    for entry in root.children("entry"):
        resource = entry.child("resource")
        if resource is None:
            continue
        full_url, id_ = entry.text("fullUrl"), resource.text("id")
        found.append((resource, full_url))
        if full_url and id_:
            links[full_url] = f"{base}{resource.required_text('resourceType')}/{id_}"
    return tuple(
        BundleEntry(
            path=resource.path,
            full_url=full_url,
            resource=resource.members,
            index=parse_resource(
                resource.members, base=base, holder=holder, links=links, path=resource.path
            ),
        )
        for resource, full_url in found
    )


def _indexed(
    record: FhirObject,
    kind: ResourceType,
    index: RecordIndex,
    *,
    base: str,
    links: Mapping[str, str],
) -> RecordIndex:
    """Return the index with what the type's table says where to find."""
    _check_kind(record, kind)
    notes: list[str] = []

    def linked(names: Sequence[str]) -> frozenset[str]:
        found = (reference_of(each, base=base) for name in names for each in record.every(name))
        return frozenset(links.get(each, each) for each in found if each is not None)

    subjects = linked([kind.subject]) if kind.subject else frozenset()
    codes = (
        coding
        for name in kind.codes
        for concept in record.every(name)
        for coding in concept_codings(concept, notes)
    )
    media_types = (
        Coding(system=MEDIA_TYPE_SYSTEM, code=media_type)
        for name in kind.attachments
        for attachment in record.every(name)
        if (media_type := attachment.text("contentType"))
    )
    return RecordIndex(
        type=index.type,
        id=record.required_text("id") if kind.needs_id else index.id,
        reference=index.reference,
        subject=next(iter(subjects), index.reference if index.type == "Patient" else None),
        dates=tuple(_dates(record, kind)),
        codes=frozenset(codes),
        classes=index.classes | frozenset(media_types),
        labels=index.labels,
        authors=linked(kind.authors),
        custodians=index.custodians | linked(kind.custodians),
        references=index.references,
        notes=tuple(notes),
    )


def _check_kind(record: FhirObject, kind: ResourceType) -> None:
    """Raise ``FhirError`` for a required element that is missing, or a code outside its list."""
    for name in kind.required:
        if not any(choice in record.members for choice in name.split("|")):
            raise FhirError(f"{record.path}.{name}", "is required", IssueType.REQUIRED)
    for name, allowed in kind.bindings:
        if name not in record.members:
            continue
        if isinstance(record.members[name], str):
            codes = {record.required_text(name)}
        else:
            concepts = record.one_or_many(name)
            codes = {coding.code for each in concepts for coding in concept_codings(each)}
        if not codes <= allowed:
            raise FhirError(f"{record.path}.{name}", "is no such code", IssueType.CODE_INVALID)


def _labels(record: FhirObject) -> frozenset[Coding]:
    meta = record.child("meta")
    found = [parse_coding(each) for each in meta.children("security")] if meta else []
    return frozenset(label for label in found if label is not None)


def _dates(record: FhirObject, kind: ResourceType) -> Iterator[DateRange]:
    for name in kind.dates:
        if isinstance(record.members.get(name), Mapping):
            period = record.child(name)
            assert period is not None
            yield parse_period(period)
        elif (text := record.text(name)) is not None:
            yield parse_date_time(text, f"{record.path}.{name}")


def _references(record: FhirObject, base: str) -> Iterator[str]:
    """Yield what the resource refers to, anywhere in it; refuse what is no JSON for FHIR.

    A walk with a stack of its own: nesting that a parser let through cannot exhaust Python's.
    """
    waiting: list[tuple[object, str, int]] = [(record.members, record.path, 0)]
    while waiting:
        value, path, depth = waiting.pop()
        if depth > DEPTH_MAX:
            raise FhirError(path, "is nested too deeply", IssueType.TOO_COSTLY)
        if isinstance(value, Mapping):
            for name, member in fhir_object(value, path).members.items():
                waiting.append((member, f"{path}.{name}", depth + 1))
                if name == "reference" and isinstance(member, str):
                    reference = reference_of(FhirObject(value, path), base=base)
                    if reference is not None:
                        yield reference
        elif isinstance(value, list):
            waiting += [(each, f"{path}[{at}]", depth + 1) for at, each in enumerate(value)]
        else:
            _check_scalar(value, path)


def _check_scalar(value: object, path: str) -> None:
    """Numbers stay as they were written: a float has already lost digits."""
    if isinstance(value, float) or (isinstance(value, Decimal) and not value.is_finite()):
        raise FhirError(path, "is a number that was not read as a decimal", IssueType.VALUE)
    if value is not None and not isinstance(value, str | int | Decimal):
        raise FhirError(path, "is no value of JSON", IssueType.STRUCTURE)
