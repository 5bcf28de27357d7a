"""A FHIR R4 Consent compiled into rules, whatever style it is written in.

Style P (IHE PCF): the root's type is the base. Style H (HL7's examples): `policyRule` OPTIN or
OPTOUT is the base, the root the exception of opposite sense. Both, in conflict: as H; agreeing:
as P. Neither: malformed. Nested provisions are exceptions of alternating sense unless they state
a type; what they do not state they inherit, what they state replaces.

What cannot be understood is settled against access: a permit of it is dropped, a deny of it
covers everything. What is malformed raises; it is never skipped.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from records.core.consent_elements import (
    Elements,
    inherit,
    is_broader,
    read_elements,
    settle_data,
    settle_request,
)
from records.core.consent_values import (
    ACT_CODE,
    CONSENT_SCOPE,
    CompiledConsent,
    Rank,
    ReasonCode,
    Rule,
    Sense,
)
from records.core.fhir_json import (
    Coding,
    FhirError,
    FhirObject,
    IssueType,
    concept_codings,
    fhir_object,
    parse_date_time,
    reference_of,
)

DEPTH_MAX = 8
PROVISIONS_MAX = 1000
_PCF = "https://profiles.ihe.net/ITI/PCF/"
_STATUSES = frozenset({"draft", "proposed", "active", "rejected", "inactive", "entered-in-error"})
_SENSES = {"permit": Sense.PERMIT, "deny": Sense.FORBID}
_BASES = {"OPTIN": Sense.PERMIT, "OPTOUT": Sense.FORBID}
# What R4 gives a Consent; another member may change what it means, so it is not read past.
_MEMBERS = frozenset(
    [
        "resourceType",
        "id",
        "meta",
        "language",
        "text",
        "contained",
        "extension",
        "identifier",
        "status",
        "scope",
        "category",
        "patient",
        "dateTime",
        "performer",
        "organization",
        "sourceAttachment",
        "sourceReference",
        "policy",
        "policyRule",
        "verification",
        "provision",
    ]
)


class ConsentError(FhirError):
    """The consent is malformed: a person has to look at it before anything is disclosed."""

    slug = "bad-consent"
    title = "This consent cannot be read"


def read_consent(resource: object, *, base: str, id: str = "") -> CompiledConsent:  # noqa: A002 - FHIR's word
    """Return the compiled consent, or one with its ``fault`` where it is malformed.

    ``id`` names it where the resource itself cannot be trusted to.
    """
    try:
        compiled = compile_consent(resource, base=base)
    except ConsentError as error:
        return CompiledConsent(id=id, fault=error.detail)
    return replace(compiled, id=id) if id else compiled


def compile_consent(resource: object, *, base: str) -> CompiledConsent:
    """Return a consent as rules; relative references are taken below ``base``, ending in a slash.

    Raise ``ConsentError`` with the place of the first fault. A consent that is not active, or
    has another scope than patient-privacy, compiles to no rules and is not in force.
    """
    try:
        return _compile(fhir_object(resource, "Consent"), base)
    except ConsentError:
        raise
    except FhirError as error:
        detail = error.detail.removeprefix(f"{error.path}: ")
        raise ConsentError(error.path, detail, error.issue_type) from error


def _compile(consent: FhirObject, base: str) -> CompiledConsent:
    _check_members(consent)
    status = consent.required_text("status")
    if status not in _STATUSES:
        raise ConsentError("Consent.status", "is no status of a consent", IssueType.CODE_INVALID)
    patient = _reference(consent, "patient", base)
    if patient is None:
        raise ConsentError("Consent.patient", "is required", IssueType.REQUIRED)
    date_time = consent.text("dateTime")
    meta = consent.child("meta")
    version = meta.text("versionId") if meta else None
    performers = frozenset(
        reference_of(each, base=base) or "" for each in consent.one_or_many("performer")
    )
    rules, notes = _Compiler(base=base, follows_pcf=_follows_pcf(meta)).compile(consent)
    if performers - {patient}:
        notes = (*notes, ReasonCode.PERFORMER_NOT_PATIENT)
    in_force = status == "active" and _is_privacy(consent)
    return CompiledConsent(
        id=consent.text("id") or "",
        version=version or "",
        patient=patient,
        date_time=None if date_time is None else parse_date_time(date_time, "Consent.dateTime"),
        in_force=in_force,
        subject_matter=_subject_matter(consent, performers or frozenset({patient})),
        rules=rules if in_force else (),
        notes=notes,
    )


def _check_members(consent: FhirObject) -> None:
    if consent.text("resourceType") != "Consent":
        raise ConsentError("Consent.resourceType", "is not Consent", IssueType.VALUE)
    for name in consent.members:
        if name not in _MEMBERS and not name.startswith("_"):
            raise ConsentError("Consent", "has a member that R4 does not know", IssueType.STRUCTURE)


def _is_privacy(consent: FhirObject) -> bool:
    scope = consent.child("scope")
    if scope is None:
        raise ConsentError("Consent.scope", "is required", IssueType.REQUIRED)
    return Coding(system=CONSENT_SCOPE, code="patient-privacy") in set(concept_codings(scope))


def _follows_pcf(meta: FhirObject | None) -> bool:
    profiles = meta.members.get("profile") if meta else None
    return isinstance(profiles, list) and any(
        isinstance(profile, str) and profile.startswith(_PCF) for profile in profiles
    )


def _reference(consent: FhirObject, name: str, base: str) -> str | None:
    reference = consent.child(name)
    return None if reference is None else reference_of(reference, base=base)


def _subject_matter(
    consent: FhirObject, grantors: frozenset[str]
) -> tuple[frozenset[Coding], frozenset[str], frozenset[str]] | None:
    """Return what a newer consent must share to take this one's place; None if that is unsaid."""
    categories = frozenset(
        coding for category in consent.children("category") for coding in concept_codings(category)
    )
    policies = {f"policyRule {coding.system}|{coding.code}" for coding in _policy_codes(consent)}
    for policy in consent.children("policy"):
        policies |= {f"{name} {policy.text(name)}" for name in ("authority", "uri")}
    if not categories or not policies or "" in grantors:
        return None
    return categories, frozenset(policies), grantors


def _policy_codes(consent: FhirObject) -> frozenset[Coding]:
    rule = consent.child("policyRule")
    return frozenset() if rule is None else frozenset(concept_codings(rule))


class _Compiler:
    """The walk over one consent's provisions; collects rules and how they had to be read."""

    def __init__(self, *, base: str, follows_pcf: bool) -> None:
        self._base = base
        self._follows_pcf = follows_pcf
        self._rules: list[Rule] = []
        self._notes: set[ReasonCode] = set()
        self._is_bounded = False
        self._lost_permit = False

    def compile(self, consent: FhirObject) -> tuple[tuple[Rule, ...], tuple[ReasonCode, ...]]:
        """Return the rules, weakest first, and the notes in a fixed order."""
        codes = {coding.code for coding in _policy_codes(consent) if coding.system == ACT_CODE}
        bases = [sense for code, sense in _BASES.items() if code in codes]
        if len(bases) > 1:
            raise ConsentError("Consent.policyRule", "is OPTIN and OPTOUT", IssueType.VALUE)
        policy = bases[0] if bases else None
        root = consent.child("provision")
        if root is not None:
            self._root(root, policy)
        elif policy is not None:
            self._rules.append(Rule(sense=policy, rank=Rank.BASE, path="Consent.policyRule"))
        else:
            raise ConsentError("Consent.provision", "has no base rule", IssueType.REQUIRED)
        if self._lost_permit and all(rule.sense is Sense.FORBID for rule in self._rules):
            self._notes.add(ReasonCode.NOTHING_PERMITTED)
        order = sorted(self._rules, key=lambda rule: (rule.rank, rule.sense is Sense.FORBID))
        return tuple(order), tuple(sorted(self._notes))

    def _root(self, root: FhirObject, policy: Sense | None) -> None:
        stated = _stated_sense(root)
        own = read_elements(root, self._base)
        if policy is None and stated is None:
            raise ConsentError("Consent.provision.type", "has no base rule", IssueType.REQUIRED)
        sense = stated or (policy.opposite if policy else Sense.FORBID)
        inner = sense
        below = tuple(islice(_senses_below(root, inner.opposite, 1), PROVISIONS_MAX + 1))
        if len(below) > PROVISIONS_MAX:
            raise ConsentError(root.path, "has too many provisions", IssueType.TOO_COSTLY)
        yields = False
        if policy is None or policy is stated:  # P: a permit leaves all else closed, a deny open
            if sense is Sense.PERMIT:
                self._add_base(Sense.FORBID, "Consent.provision.type", yields=True)
        elif stated is None and policy is Sense.PERMIT and Sense.PERMIT in below:
            self._is_bounded = yields = True
            self._notes.add(ReasonCode.BOUNDED_GRANT)
        elif stated is None and policy is Sense.FORBID and own.names_nobody:
            # It says whose data the opt-out is about; with anything more, it is about all data.
            sense = Sense.FORBID
            if own != Elements(custodians=own.custodians):
                self._add_base(policy, "Consent.policyRule")
            self._notes.add(ReasonCode.SCOPED_OPT_OUT)
        else:
            self._add_base(policy, "Consent.policyRule")
        if (
            stated is None
            and own == Elements(period=own.period)
            and "provision" not in root.members
        ):
            self._notes.add(ReasonCode.PERIOD_ONLY)
        self._add(sense, own, root.path, rank=Rank.LEVEL, yields=yields)
        self._children(root, own, sense=inner, rank=Rank.LEVEL)

    def _children(self, parent: FhirObject, elements: Elements, *, sense: Sense, rank: int) -> None:
        for child in parent.children("provision"):
            own = read_elements(child, self._base)
            if own == Elements():
                own = elements  # nothing stated, all of it inherited
            inner = _stated_sense(child) or sense.opposite
            if is_broader(own, elements) and Sense.FORBID in (inner, sense):
                self._sibling(child, own, inner, of=(parent.path, elements, sense, rank))
            else:
                inherited = inherit(own, elements)
                level = rank + rank % Rank.LEVEL + Rank.LEVEL
                self._add(inner, inherited, child.path, rank=level)
                self._children(child, inherited, sense=inner, rank=level)

    def _sibling(
        self,
        child: FhirObject,
        own: Elements,
        sense: Sense,
        *,
        of: tuple[str, Elements, Sense, int],
    ) -> None:
        """Take a provision that is no narrower than its parent as one beside it.

        The narrower of the two wins; where they are the same, the deny does, and the permit is
        gone. Inside a bounded grant a permit never reaches beyond the bounds.
        """
        path, elements, parent_sense, rank = of
        self._notes.add(ReasonCode.SIBLING_RULE)
        is_same = own == elements
        if sense is Sense.PERMIT and (is_same or self._is_bounded):
            self._lost_permit = True
            return
        if is_same and parent_sense is Sense.PERMIT:
            self._lost_permit = True
            self._rules = [rule for rule in self._rules if rule.path != path]
        level = rank if is_same else rank - 1
        self._add(sense, own, child.path, rank=level)
        self._children(child, own, sense=sense, rank=level)

    def _add_base(self, sense: Sense, path: str, *, yields: bool = False) -> None:
        self._rules.append(Rule(sense=sense, rank=Rank.BASE, path=path, yields=yields))

    def _add(
        self, sense: Sense, elements: Elements, path: str, *, rank: int, yields: bool = False
    ) -> None:
        """Keep the rule; one that permits something not understood is dropped."""
        request = settle_request(elements, sense)
        data = settle_data(elements, sense, follows_pcf=self._follows_pcf)
        if request is not None and data is not None:
            self._rules.append(
                Rule(sense=sense, rank=rank, path=path, request=request, data=data, yields=yields)
            )
        self._lost_permit |= request is None
        if request is None or (sense is Sense.FORBID and elements.has_unknown):
            self._notes.add(ReasonCode.UNKNOWN_ELEMENT)


def _stated_sense(provision: FhirObject) -> Sense | None:
    stated = provision.text("type")
    if stated is not None and stated not in _SENSES:
        path = f"{provision.path}.type"
        raise ConsentError(path, "is neither permit nor deny", IssueType.CODE_INVALID)
    return None if stated is None else _SENSES[stated]


def _senses_below(provision: FhirObject, alternate: Sense, depth: int) -> Iterator[Sense]:
    """Yield the sense of every provision below; ``alternate`` is the next level's."""
    for child in provision.children("provision"):
        if depth > DEPTH_MAX:
            raise ConsentError(child.path, "is nested too deeply", IssueType.TOO_COSTLY)
        sense = _stated_sense(child) or alternate
        yield sense
        yield from _senses_below(child, sense.opposite, depth + 1)
