"""What a submission holds: each resource with its bytes, its index, and whom it is about.

A submission is taken whole or not at all, so every bad entry is named at once. A Consent that
breaks a rule is not refused: it is kept, and closes everything until a person has looked at it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from records.core.bundle_bytes import resource_bytes
from records.core.consent_compile import read_consent
from records.core.fhir import RecordIndex, parse_resource
from records.core.fhir_json import FhirError, FhirObject, IssueType, fhir_object, reference_of
from records.core.fhir_names import ABOUT_NOBODY, RESOURCE_NAMES
from records.core.fhir_types import TYPES
from records.core.outcome import Issue, SubmissionError, issue_of

BUNDLE_TYPES = frozenset({"transaction", "batch", "collection"})
ENTRIES_MAX = 10_000
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
# Elements of types that are not indexed, which name the patient where there is one.
_PATIENT_ELEMENTS = ("patient", "subject", "beneficiary", "for", "individual")


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """One resource as received.

    ``about`` are the Patients that it may be about, absolute: exactly one person, or nobody.
    ``links`` are the references that its bundle gave another spelling. ``is_create`` refuses an
    id that is taken. ``fault`` is set for a Consent that cannot be read.
    """

    path: str
    data: bytes
    index: RecordIndex
    id: str
    about: frozenset[str]
    links: tuple[tuple[str, str], ...] = ()
    identifiers: tuple[tuple[str, str], ...] = ()
    is_create: bool
    fault: str | None = None

    @property
    def name(self) -> tuple[str, str]:
        """Type and id."""
        return self.index.type, self.id


def read_single(
    value: object, data: bytes, *, base: str, type_: str, id_: str | None = None
) -> Incoming:
    """Return the one resource of a POST to its type, or of a PUT to its type and id.

    Raise ``SubmissionError``.
    """
    try:
        record = _addressed(value, type_, id_)
        return _incoming(record, data, base=base, links={}, is_create=id_ is None)
    except FhirError as error:
        raise SubmissionError([issue_of(error)]) from error


def read_bundle(value: object, data: bytes, *, base: str) -> tuple[Incoming, ...]:
    """Return the resources of a transaction, batch or collection, in order.

    References between its entries by `fullUrl` become references to type and id. Raise
    ``SubmissionError`` with an issue for every bad entry.
    """
    try:
        entries = _entries(fhir_object(value, "Bundle"))
    except FhirError as error:
        raise SubmissionError([issue_of(error)]) from error
    links = _links(entries, base)
    found: list[Incoming] = []
    issues: list[Issue] = []
    spans = resource_bytes(data)
    assert len(spans) == len(entries)
    for (entry, resource), span in zip(entries, spans, strict=True):
        try:
            is_create = _is_create(entry, resource)
            one = _incoming(resource, span, base=base, links=links, is_create=is_create)
        except FhirError as error:
            issues.append(issue_of(error))
        else:
            found.append(one)
    issues += _twice(found)
    if issues:
        raise SubmissionError(issues)
    return tuple(found)


def relink(value: object, links: Mapping[str, str]) -> object:
    """Return a resource whose references are spelled as its bundle meant them."""
    if not links:
        return value
    if isinstance(value, Mapping):
        return {
            name: links.get(member, member)
            if name == "reference" and isinstance(member, str)
            else relink(member, links)
            for name, member in value.items()
        }
    if isinstance(value, list):
        return [relink(member, links) for member in value]
    return value


def index_kept(resource: object, *, base: str, holder: str) -> RecordIndex:
    """Return the index of a resource that was taken in; a Consent's may be the least there is."""
    record = fhir_object(resource, "Resource")
    try:
        return parse_resource(resource, base=base, holder=holder)
    except FhirError:
        if record.members.get("resourceType") != "Consent":
            raise
    return _least(record, base)


def patient_identifiers(resource: FhirObject) -> tuple[tuple[str, str], ...]:
    """Return the (system, value) pairs of a Patient; those without either name nobody."""
    pairs = ((each.text("system"), each.text("value")) for each in resource.children("identifier"))
    return tuple((system, value) for system, value in pairs if system and value)


def _addressed(value: object, type_: str, id_: str | None) -> FhirObject:
    """Return the resource that an address of this type, and id, is sent."""
    record = fhir_object(value, type_)
    if record.required_text("resourceType") != type_:
        raise FhirError(f"{type_}.resourceType", "is not that of the address", IssueType.INVALID)
    if id_ is not None and record.text("id") != id_:
        raise FhirError(f"{type_}.id", "is not the id of the address", IssueType.INVALID)
    return record


def _entries(bundle: FhirObject) -> list[tuple[FhirObject, FhirObject]]:
    if bundle.required_text("resourceType") != "Bundle":
        raise FhirError("Bundle.resourceType", "is not Bundle", IssueType.INVALID)
    if bundle.required_text("type") not in BUNDLE_TYPES:
        detail = f"is none of {', '.join(sorted(BUNDLE_TYPES))}"
        raise FhirError("Bundle.type", detail, IssueType.NOT_SUPPORTED)
    entries = bundle.children("entry")
    if len(entries) > ENTRIES_MAX:
        raise FhirError("Bundle.entry", f"has over {ENTRIES_MAX} entries", IssueType.TOO_COSTLY)
    found = []
    for entry in entries:
        resource = entry.child("resource")
        if resource is None:
            raise FhirError(f"{entry.path}.resource", "is required", IssueType.REQUIRED)
        found.append((entry, resource))
    if not found:
        raise FhirError("Bundle.entry", "is required", IssueType.REQUIRED)
    return found


def _links(entries: Iterable[tuple[FhirObject, FhirObject]], base: str) -> dict[str, str]:
    """Return what each fullUrl means; what is wrong with an entry is found when it is read."""
    links = {}
    for entry, resource in entries:
        url, type_, id_ = (
            entry.members.get("fullUrl"),
            resource.members.get("resourceType"),
            resource.members.get("id"),
        )
        if isinstance(url, str) and isinstance(type_, str) and isinstance(id_, str):
            links[url] = f"{base}{type_}/{id_}"
    return links


def _is_create(entry: FhirObject, resource: FhirObject) -> bool:
    """Return whether an entry is a POST; without a request, as in a collection, it is a PUT."""
    request = entry.child("request")
    if request is None:
        return False
    method, url = request.required_text("method"), request.required_text("url")
    type_, id_ = resource.required_text("resourceType"), resource.text("id")
    wanted = {"POST": type_, "PUT": f"{type_}/{id_}"}
    conditions = {"ifNoneMatch", "ifModifiedSince", "ifMatch", "ifNoneExist"}
    if method not in wanted or conditions & request.members.keys():
        detail = "only POST and PUT without conditions are taken"
        raise FhirError(f"{request.path}.method", detail, IssueType.NOT_SUPPORTED)
    if url != wanted[method]:
        detail = "is not the type, or type and id, of the resource"
        raise FhirError(f"{request.path}.url", detail, IssueType.INVALID)
    return method == "POST"


def _incoming(
    resource: FhirObject, data: bytes, *, base: str, links: Mapping[str, str], is_create: bool
) -> Incoming:
    type_ = resource.required_text("resourceType")
    if type_ not in RESOURCE_NAMES:
        raise FhirError(f"{resource.path}.resourceType", "is no type of R4", IssueType.INVALID)
    if type_ == "Bundle":
        detail = "a Bundle is sent to the base; as a record of its own it is not kept yet"
        raise FhirError(resource.path, detail, IssueType.NOT_SUPPORTED)
    used = _Used(links)
    fault = None
    try:
        index = parse_resource(resource.members, base=base, links=used, path=resource.path)
    except FhirError as error:
        if type_ != "Consent":
            raise
        fault = error.detail
        index = _least(resource, base, used)
    id_ = resource.required_text("id")
    if not is_id(id_):
        raise FhirError(f"{resource.path}.id", "is no id of R4", IssueType.VALUE)
    kept_links = tuple(sorted(used.found.items()))
    if type_ == "Consent" and fault is None:
        whole = relink(resource.members, dict(kept_links))
        fault = read_consent(whole, base=base).fault
    return Incoming(
        path=resource.path,
        data=data,
        index=index,
        id=id_,
        about=_about(resource, index, base, used),
        links=kept_links,
        identifiers=patient_identifiers(resource) if type_ == "Patient" else (),
        is_create=is_create,
        fault=fault,
    )


class _Used(dict[str, str]):
    """The links of a bundle, remembering which of them a resource uses."""

    def __init__(self, links: Mapping[str, str]) -> None:
        super().__init__(links)
        self.found: dict[str, str] = {}

    def get(self, key: str, default: Any = None) -> Any:
        """Return what a reference means, or the default."""
        if key in self:
            self.found[key] = self[key]
        return super().get(key, default)


def _least(resource: FhirObject, base: str, links: Mapping[str, str] | None = None) -> RecordIndex:
    """Return what must be known of a Consent to keep it: which it is, and whose."""
    patient = resource.child("patient")
    if patient is None:
        raise FhirError(f"{resource.path}.patient", "is required", IssueType.REQUIRED)
    id_, found = resource.required_text("id"), reference_of(patient, base=base)
    return RecordIndex(
        type="Consent",
        id=id_,
        reference=f"{base}Consent/{id_}",
        subject=None if found is None else (links or {}).get(found, found),
        is_opaque=True,
    )


def _about(
    resource: FhirObject, index: RecordIndex, base: str, links: Mapping[str, str]
) -> frozenset[str]:
    """Return the Patients that a resource may be about.

    One of a type that is not indexed is about the patient it names as such, else about whatever
    patient it mentions at all: never about nobody while it mentions somebody.
    """
    prefix = f"{base}Patient/"
    if index.type == "Patient":
        assert index.reference is not None
        return frozenset({index.reference})
    if index.type in TYPES:
        if index.subject is None or not index.subject.startswith(prefix):
            name = TYPES[index.type].subject
            raise FhirError(f"{resource.path}.{name}", "names no Patient", IssueType.REQUIRED)
        return frozenset({index.subject})
    named = {
        links.get(found, found)
        for name in _PATIENT_ELEMENTS
        for each in _references(resource, name)
        if (found := reference_of(each, base=base)) is not None
    }
    mentioned = named | index.references
    patients = {each for each in named if each.startswith(prefix)} or {
        each for each in mentioned if each.startswith(prefix)
    }
    if not patients and index.type not in ABOUT_NOBODY:
        detail = "names no Patient, so no consent would govern it"
        raise FhirError(resource.path, detail, IssueType.REQUIRED)
    return frozenset(patients)


def _references(resource: FhirObject, name: str) -> tuple[FhirObject, ...]:
    """Return the references of an element; other shapes of that name are no references."""
    value = resource.members.get(name)
    if isinstance(value, Mapping) and "reference" in value:
        return (fhir_object(value, f"{resource.path}.{name}"),)
    return ()


def _twice(found: Iterable[Incoming]) -> Iterator[Issue]:
    seen: set[tuple[str, str]] = set()
    for one in found:
        if one.name in seen:
            detail = "an entry before has the same type and id"
            yield Issue(code=IssueType.DUPLICATE, detail=detail, path=one.path)
        seen.add(one.name)


def is_id(text: str) -> bool:
    """Return whether a text is an id of R4."""
    return _ID.fullmatch(text) is not None
