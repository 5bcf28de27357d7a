"""The values of a consent decision: compiled rules, the request, the decision.

A compiled rule has no unknowns left: what could not be understood was settled against access
when it was compiled (see `records.core.consent_compile`).
"""

import datetime as dt
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from foundation.core.problem import BadInputError, NotBuiltError
from records.core.fhir_json import Coding, DateRange

_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"
ACT_REASON = _TERMINOLOGY + "v3-ActReason"
ACT_CODE = _TERMINOLOGY + "v3-ActCode"
CONFIDENTIALITY = _TERMINOLOGY + "v3-Confidentiality"
PARTICIPATION_TYPE = _TERMINOLOGY + "v3-ParticipationType"
CONSENT_ACTION = _TERMINOLOGY + "consentaction"
CONSENT_SCOPE = _TERMINOLOGY + "consentscope"
RESOURCE_TYPES = "http://hl7.org/fhir/resource-types"
MEDIA_TYPES = "urn:ietf:bcp:13"
ACTIONS = frozenset({"access", "collect", "correct", "disclose", "use"})

TREAT, ETREAT, BTG = (Coding(system=ACT_REASON, code=code) for code in ("TREAT", "ETREAT", "BTG"))
# Purposes of use that a reading may declare, as v3-ActReason (PurposeOfUse) displays them.
PURPOSE_NAMES = {
    "TREAT": "treatment",
    "ETREAT": "emergency treatment",
    "BTG": "break the glass",
    "CAREMGT": "care management",
    "COC": "coordination of care",
    "HPAYMT": "healthcare payment",
    "HOPERAT": "healthcare operations",
    "HRESCH": "healthcare research",
    "CLINTRCH": "clinical trial research",
    "PUBHLTH": "public health",
    "PATRQT": "patient requested",
    "FAMRQT": "family requested",
    "HLEGAL": "legal",
    "HACCRED": "health accreditation",
    "HCOMPL": "health compliance",
    "HQUALIMP": "health quality improvement",
    "HSYSADMIN": "health system administration",
    "HMARKT": "healthcare marketing",
    "HDIRECT": "directory",
}
PURPOSES = frozenset(PURPOSE_NAMES)
# What a purpose is a kind of (v3-ActReason): a denied purpose denies its kinds as well.
KIND_OF = {
    BTG: frozenset({ETREAT, TREAT}),
    ETREAT: frozenset({TREAT}),
    Coding(system=ACT_REASON, code="CAREMGT"): frozenset({TREAT}),
    Coding(system=ACT_REASON, code="COC"): frozenset({TREAT}),
}


class Sense(StrEnum):
    """What a rule does; the words of a residual rule in IHE PCF."""

    PERMIT = "permit"
    FORBID = "forbid"

    @property
    def opposite(self) -> "Sense":
        """The other one."""
        return Sense.FORBID if self is Sense.PERMIT else Sense.PERMIT


class Combiner(StrEnum):
    """How consents that disagree are combined."""

    DENY_OVERRIDES = "deny-overrides"
    MOST_RECENT = "most-recent"
    MOST_SPECIFIC = "most-specific"


class ReasonCode(StrEnum):
    """Why a decision is what it is, or how a consent had to be read."""

    PERMITTED = "permitted"
    REFUSED = "refused"
    FILTERED = "filtered"
    DEFAULT_RULE = "default-rule"
    MANUAL_REVIEW = "manual-review"
    EMERGENCY_DESPITE_REVIEW = "emergency-despite-review"
    NOT_IN_FORCE = "not-in-force"
    SUPERSEDED = "superseded"
    OTHER_PATIENT = "other-patient"
    SIBLING_RULE = "sibling-rule"
    SCOPED_OPT_OUT = "scoped-opt-out"
    BOUNDED_GRANT = "bounded-grant"
    UNKNOWN_ELEMENT = "unknown-element"
    NOTHING_PERMITTED = "nothing-permitted"
    PERIOD_ONLY = "period-only"
    PERFORMER_NOT_PATIENT = "performer-not-patient"


class Obligation(StrEnum):
    """What whoever discloses must do as well."""

    FILTER = "filter"  # ask `permits_record` for each row
    REVIEW_ACCESS = "review-access"  # a broken glass is looked at afterwards
    REVIEW_CONSENT = "review-consent"  # a person reads the consent


class DataMeaning(StrEnum):
    """How data is named (http://hl7.org/fhir/consent-data-meaning)."""

    INSTANCE = "instance"
    RELATED = "related"
    DEPENDENTS = "dependents"
    AUTHOREDBY = "authoredby"


class Rank(IntEnum):
    """Where a rule without a provision stands, and how far apart two levels are."""

    BASE = 0
    LEVEL = 2  # leaves room for a broader sibling just below its level


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class DataReference:
    """A reference to data, and which links of a record to it count.

    ``refers_to``: the record refers to ``reference``; ``referred_by``: the other way round.
    """

    meaning: DataMeaning
    reference: str
    refers_to: bool = False
    referred_by: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestCriteria:
    """What a request is asked; None is anything, a set is any of it."""

    period: DateRange | None = None
    recipients: frozenset[str] | None = None
    actions: frozenset[str] | None = None
    purposes: frozenset[Coding] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DataCriteria:
    """What a record is asked; None is anything, a set is any of it."""

    labels: frozenset[Coding] | None = None
    classes: frozenset[Coding] | None = None
    codes: frozenset[Coding] | None = None
    data_period: DateRange | None = None
    custodians: frozenset[str] | None = None
    authors: frozenset[str] | None = None
    data: frozenset[DataReference] | None = None


ANY_REQUEST = RequestCriteria()
ANY_DATA = DataCriteria()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule of a consent. Of those that match, the highest rank wins, then FORBID.

    ``yields`` marks a FORBID that only says what a grant leaves closed: another consent may
    permit it, the default may not.
    """

    sense: Sense
    rank: int
    path: str
    request: RequestCriteria = ANY_REQUEST
    data: DataCriteria = ANY_DATA
    yields: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledConsent:
    """A consent as rules. ``fault`` is set where it could not be read: then there are none."""

    id: str
    version: str = ""
    patient: str = ""
    date_time: DateRange | None = None
    in_force: bool = False
    # Category, policy and grantor: a newer consent with the same three takes its place.
    subject_matter: tuple[frozenset[Coding], frozenset[str], frozenset[str]] | None = None
    rules: tuple[Rule, ...] = ()
    notes: tuple[ReasonCode, ...] = ()
    fault: str | None = None


class AccessRequestError(BadInputError):
    """The request names no time zone, an unknown action, or purposes that do not go together."""

    slug = "bad-access-request"
    title = "This request cannot be decided"


class CombinerError(NotBuiltError):
    """The pack names a way of combining consents that is not built."""

    slug = "combiner-not-built"
    title = "This combiner is not built yet"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRequest:
    """Who asks for whose data, why, when; all references absolute.

    ``groups`` are all groups, teams, roles and parent organisations that organisation and
    persons belong to; ``unresolved`` are those for which membership could not be found out.
    ``treating``: a relationship of care or cover is on record, as default rules demand.
    """

    patients: frozenset[str]
    organisation: str
    persons: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    unresolved: frozenset[str] = frozenset()
    purposes: frozenset[Coding]
    action: str = "access"
    time: dt.datetime
    treating: bool = False

    def __post_init__(self) -> None:
        """Refuse what has no single meaning, with ``AccessRequestError``.

        Two purposes in one request would let the permitted one carry the other.
        """
        if self.time.tzinfo is None:
            raise AccessRequestError("the time has no time zone")
        if self.action not in ACTIONS:
            raise AccessRequestError(f"the action is none of {', '.join(sorted(ACTIONS))}")
        if len(self.purposes) != 1 and not self.purposes <= {TREAT, ETREAT, BTG}:
            raise AccessRequestError("a request has one purpose, or some of TREAT, ETREAT, BTG")
        if not self.purposes:
            raise AccessRequestError("a request declares its purpose")

    @property
    def parties(self) -> frozenset[str]:
        """Everyone that the answer would reach."""
        return self.persons | self.groups | {self.organisation}

    @property
    def is_emergency(self) -> bool:
        """Whether an emergency is declared."""
        return not self.purposes.isdisjoint({ETREAT, BTG})

    def purposes_for(self, sense: Sense) -> frozenset[Coding]:
        """Return what the purposes amount to: a broken glass carries treatment as well."""
        if sense is Sense.FORBID:
            kinds = (KIND_OF.get(purpose, frozenset()) for purpose in self.purposes)
            return self.purposes.union(*kinds)
        return self.purposes | {TREAT} if BTG in self.purposes else self.purposes


@dataclass(frozen=True, slots=True, kw_only=True)
class JurisdictionPack:
    """The law's part: what holds where no consent speaks, and who wins where two do."""

    id: str
    version: str
    combiner: Combiner = Combiner.DENY_OVERRIDES
    default_purposes: frozenset[Coding] = frozenset()
    default_forbidden_labels: frozenset[Coding] = frozenset()

    def __post_init__(self) -> None:
        """Refuse a combiner that is not built, with ``CombinerError``."""
        if self.combiner is not Combiner.DENY_OVERRIDES:
            raise CombinerError(f"{self.combiner} is not built; use {Combiner.DENY_OVERRIDES}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidualRule:
    """A rule whose request part matched: what is left to ask each record.

    Rules of one ``group`` come from one ``consent`` (id and version), or from the law's pack.
    """

    group: int = 0
    consent: str
    sense: Sense
    path: str
    data: DataCriteria = ANY_DATA
    yields: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The answer to one request.

    Without ``permit`` nothing may be disclosed. With it, a record may be where the rules allow
    it: those of one consent stand together in ``residual``, weakest first, the last that matches
    speaks for the consent; one FORBID is enough (unless it ``yields``), then one PERMIT; where
    none speaks, ``default`` does in the same way.
    """

    permit: bool
    reasons: tuple[ReasonCode, ...]
    residual: tuple[ResidualRule, ...] = ()
    default: tuple[ResidualRule, ...] = ()
    matched: tuple[str, ...] = ()
    obligations: tuple[Obligation, ...] = ()
