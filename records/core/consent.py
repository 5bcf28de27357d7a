"""The consent decision: one pure function, the same for list, read, count, search and export.

`decide` settles what a request alone can settle and leaves residual rules over records; whoever
reads asks `permits_record` for every row. The same consents, request and pack always give the
same decision and the same bytes of its receipt.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby

from ledger.core.canonical import Json
from records.core.consent_match import matches_record, matches_request
from records.core.consent_values import (
    ANY_DATA,
    BTG,
    CONFIDENTIALITY,
    AccessRequest,
    CompiledConsent,
    DataCriteria,
    Decision,
    JurisdictionPack,
    Obligation,
    ReasonCode,
    ResidualRule,
    Sense,
)
from records.core.fhir import RecordIndex
from records.core.fhir_json import Coding, DateRange

ENGINE = "theriac-consent/1"
_NORMAL = Coding(system=CONFIDENTIALITY, code="N")


def decide(
    consents: Iterable[CompiledConsent], request: AccessRequest, pack: JurisdictionPack
) -> Decision:
    """Return what the consents of one patient and the law's default allow the request.

    Of each consent only the current version is given. Those superseded by another, and those not
    in force, do not count. One that is malformed or another patient's closes everything but a
    declared emergency, until a person has looked at it.
    """
    ordered = sorted(consents, key=lambda each: (each.id, each.version))
    reasons: set[ReasonCode] = set()
    obligations: set[Obligation] = set()
    if BTG in request.purposes:
        obligations.add(Obligation.REVIEW_ACCESS)
    doubtful = [each for each in ordered if _is_doubtful(each, request)]
    if doubtful:
        obligations.add(Obligation.REVIEW_CONSENT)
        reasons |= {ReasonCode.OTHER_PATIENT for each in doubtful if each.fault is None} | {
            ReasonCode.MANUAL_REVIEW
        }
        if not request.is_emergency:
            return _refuse(reasons, obligations)
        reasons.add(ReasonCode.EMERGENCY_DESPITE_REVIEW)

    standing = _standing([each for each in ordered if each not in doubtful], request, reasons)
    for consent in standing:
        reasons |= set(consent.notes)
        if ReasonCode.NOTHING_PERMITTED in consent.notes:
            obligations.add(Obligation.REVIEW_CONSENT)
    groups = [
        rules
        for group, consent in enumerate(standing)
        if (rules := _residual(consent, request, group))
    ]
    default = _default(request, pack)
    if not _can_permit(groups, default):
        return _refuse(reasons, obligations, matched=groups)

    # A consent with a rule for every record leaves nothing to the default.
    if default and not any(rules[0].data == ANY_DATA for rules in groups):
        reasons.add(ReasonCode.DEFAULT_RULE)
    if any(rule.sense is Sense.FORBID for rules in [*groups, default] for rule in rules):
        reasons.add(ReasonCode.FILTERED)
        obligations.add(Obligation.FILTER)
    return Decision(
        permit=True,
        reasons=tuple(sorted(reasons | {ReasonCode.PERMITTED})),
        residual=tuple(rule for rules in groups for rule in rules),
        default=default,
        matched=_matched(groups),
        obligations=tuple(sorted(obligations)),
    )


def permits_record(decision: Decision, record: RecordIndex) -> bool:
    """Return whether this record may be disclosed under the decision."""
    if not decision.permit:
        return False
    spoken = [
        rule
        for _, rules in groupby(decision.residual, key=lambda rule: rule.group)
        if (rule := _last_match(rules, record)) is not None
    ]
    if any(rule.sense is Sense.FORBID and not rule.yields for rule in spoken):
        return False
    if spoken:
        return any(rule.sense is Sense.PERMIT for rule in spoken)
    fallback = _last_match(decision.default, _as_normal(record))
    return fallback is not None and fallback.sense is Sense.PERMIT


def format_residual(rules: Sequence[ResidualRule]) -> list[dict[str, Json]] | None:
    """Return the residual rules of one consent in the form of IHE PCF; None for no restriction.

    What a permit of everything at the start says goes without saying.
    """
    listed = rules[1:] if rules and _is_open(rules[0]) else rules
    return [{"type": rule.sense.value, **_format_data(rule.data)} for rule in listed] or None


def decision_receipt(
    decision: Decision,
    *,
    consents: Iterable[CompiledConsent],
    request: AccessRequest,
    pack: JurisdictionPack,
) -> dict[str, Json]:
    """Return what is kept of a decision, as values of canonical JSON; personal, so in the vault.

    It names everything that replaying needs: engine, pack, combiner, consents with versions,
    and the request.
    """
    versions = sorted({(each.id, each.version) for each in consents})
    return {
        "engine": ENGINE,
        "pack": {"id": pack.id, "version": pack.version, "combiner": pack.combiner.value},
        "consents": [{"id": name, "version": version} for name, version in versions],
        "request": {
            "patients": sorted(request.patients),
            "organisation": request.organisation,
            "persons": sorted(request.persons),
            "groups": sorted(request.groups),
            "unresolved": sorted(request.unresolved),
            "purposes": _format_codings(request.purposes),
            "action": request.action,
            "time": request.time.isoformat(),
            "treating": request.treating,
        },
        "permit": decision.permit,
        "reasons": [reason.value for reason in decision.reasons],
        "residual": [_format_rule(rule) for rule in decision.residual],
        "default": [_format_rule(rule) for rule in decision.default],
        "matched": list(decision.matched),
        "obligations": [each.value for each in decision.obligations],
    }


def _is_doubtful(consent: CompiledConsent, request: AccessRequest) -> bool:
    return consent.fault is not None or consent.patient not in request.patients


def _standing(
    consents: Sequence[CompiledConsent], request: AccessRequest, reasons: set[ReasonCode]
) -> list[CompiledConsent]:
    """Return the consents in force that no newer one of the same subject matter replaces."""
    active = [each for each in consents if each.in_force]
    standing = [
        each for each in active if not any(_supersedes(newer, each, request) for newer in active)
    ]
    if len(active) < len(consents):
        reasons.add(ReasonCode.NOT_IN_FORCE)
    if len(standing) < len(active):
        reasons.add(ReasonCode.SUPERSEDED)
    return standing


def _supersedes(newer: CompiledConsent, older: CompiledConsent, request: AccessRequest) -> bool:
    """Return whether one certainly came later and was given by the time of the request."""
    return (
        newer.subject_matter is not None
        and newer.subject_matter == older.subject_matter
        and newer.date_time is not None
        and older.date_time is not None
        and older.date_time.end <= newer.date_time.start <= request.time
    )


def _residual(
    consent: CompiledConsent, request: AccessRequest, group: int
) -> tuple[ResidualRule, ...]:
    """Return the rules whose request part matches, without those that a later one covers."""
    rules = [
        ResidualRule(
            group=group,
            consent=f"{consent.id}|{consent.version}",
            sense=rule.sense,
            path=rule.path,
            data=rule.data,
            yields=rule.yields,
        )
        for rule in consent.rules
        if matches_request(rule.request, request, rule.sense)
    ]
    return _from_last_unconditional(rules)


def _from_last_unconditional(rules: Sequence[ResidualRule]) -> tuple[ResidualRule, ...]:
    starts = [at for at, rule in enumerate(rules) if rule.data == ANY_DATA]
    return tuple(rules[starts[-1] :] if starts else rules)


def _default(request: AccessRequest, pack: JurisdictionPack) -> tuple[ResidualRule, ...]:
    """Return the law's rules where no consent speaks: a purpose, but not the sensitive data."""
    if not request.treating or request.purposes_for(Sense.PERMIT).isdisjoint(pack.default_purposes):
        return ()
    name = f"{pack.id}|{pack.version}"
    permit = ResidualRule(consent=name, sense=Sense.PERMIT, path="default_purposes")
    if not pack.default_forbidden_labels:
        return (permit,)
    labels = DataCriteria(labels=pack.default_forbidden_labels)
    path = "default_forbidden_labels"
    return permit, ResidualRule(consent=name, sense=Sense.FORBID, path=path, data=labels)


def _can_permit(
    groups: Sequence[tuple[ResidualRule, ...]], default: tuple[ResidualRule, ...]
) -> bool:
    """Return whether there can be a record that is permitted."""
    if any(_is_closed(rules) and not rules[0].yields for rules in groups):
        return False
    if any(rule.sense is Sense.PERMIT for rules in groups for rule in rules):
        return True
    return bool(default) and not any(rules[0].data == ANY_DATA for rules in groups)


def _is_closed(rules: Sequence[ResidualRule]) -> bool:
    """Return whether a consent forbids everything."""
    return rules[0].data == ANY_DATA and all(rule.sense is Sense.FORBID for rule in rules)


def _is_open(rule: ResidualRule) -> bool:
    return rule.sense is Sense.PERMIT and rule.data == ANY_DATA


def _last_match(rules: Iterable[ResidualRule], record: RecordIndex) -> ResidualRule | None:
    """Return the strongest rule that speaks about the record."""
    found = None
    for rule in rules:
        if matches_record(rule.data, record, rule.sense):
            found = rule
    return found


def _as_normal(record: RecordIndex) -> RecordIndex:
    """Return the record as the law's default takes it: what nobody labelled is normal.

    A patient's own rules are stricter: to them an unlabelled record may be of any kind.
    """
    if any(label.system == CONFIDENTIALITY for label in record.labels):
        return record
    return replace(record, labels=record.labels | {_NORMAL})


def _matched(groups: Iterable[tuple[ResidualRule, ...]]) -> tuple[str, ...]:
    return tuple(f"{rule.consent} {rule.path}" for rules in groups for rule in rules)


def _refuse(
    reasons: set[ReasonCode],
    obligations: set[Obligation],
    *,
    matched: Iterable[tuple[ResidualRule, ...]] = (),
) -> Decision:
    return Decision(
        permit=False,
        reasons=tuple(sorted(reasons | {ReasonCode.REFUSED})),
        matched=_matched(matched),
        obligations=tuple(sorted(obligations)),
    )


def _format_rule(rule: ResidualRule) -> dict[str, Json]:
    return {
        "consent": rule.consent,
        "path": rule.path,
        "type": rule.sense.value,
        "yields": rule.yields,
        **_format_data(rule.data),
    }


def _format_data(data: DataCriteria) -> dict[str, Json]:
    """Return the stated criteria under FHIR's names, in a fixed order."""
    actors: list[Json] = [
        {"role": role, "reference": {"reference": reference}}
        for role, references in (("CST", data.custodians), ("AUT", data.authors))
        for reference in sorted(references or ())
    ]
    links: list[Json] = [
        {"meaning": each.meaning.value, "reference": {"reference": each.reference}}
        for each in sorted(data.data or ())
    ]
    members: Mapping[str, Json] = {
        "dataPeriod": {} if data.data_period is None else _format_range(data.data_period),
        "actor": actors,
        "securityLabel": _format_codings(data.labels or ()),
        "class": _format_codings(data.classes or ()),
        "code": _format_codings(data.codes or ()),
        "data": links,
    }
    return {name: value for name, value in members.items() if value}


def _format_codings(codings: Iterable[Coding]) -> list[Json]:
    return [{"system": each.system, "code": each.code} for each in sorted(codings)]


def _format_range(period: DateRange) -> dict[str, Json]:
    """Return both ends; the end is the first moment that is no longer meant."""
    return {"start": period.start.isoformat(), "before": period.end.isoformat()}
