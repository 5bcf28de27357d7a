"""The ceremonies: what each would write, who may, and the one call that does it."""

import datetime as dt
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms as django_forms

from accounts.core.scopes import Scope, organisation_with
from accounts.services import (
    my_key_add,
    organisation_admit,
    organisation_key_make,
    organisation_key_offer,
    organisation_key_revoke,
    organisation_key_rotate,
    organisation_leave,
)
from accounts.services import proposals as gathering
from accounts.services.keys import check_may_govern
from foundation.core.actor import Actor
from foundation.core.problem import UnprocessableError
from foundation.tenancy import acting_as
from ledger.core.canonical import Json
from ledger.core.ed25519 import key_id_of
from ledger.core.governance import (
    KEY_ADDED,
    KEY_REVOKED,
    KEY_ROTATED,
    MEMBER_ADMITTED,
    MEMBER_LEFT,
    POLICY_SET,
    Holder,
)
from ledger.core.members import format_base64
from ledger.core.possession import possession_message
from ledger.core.receipt import Receipt
from ledger.errors import GovernanceRefusedError
from ledger.selectors import current_log, is_operator, key_list
from ledger.services import Signer
from ledger.services.previews import Preview, change_preview
from web.ceremonies import forms

Data = Mapping[str, Any]
MADE_LATER = "made by the server once you confirm"


class PossessionWantedError(UnprocessableError):
    """The offered key has to sign ``message`` (base64) first."""

    slug = "possession-wanted"
    title = "The key has to prove that it is held"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a person reads before confirming: the entry as JSON, and what follows from it."""

    text: str
    preview: Preview | None = None
    told: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Act:
    """A ceremony: its address, its words, its form, what it shows and what it does."""

    slug: str
    title: str
    form: type[django_forms.Form]
    look: Callable[[Actor, Data, dt.datetime], Look]
    perform: Callable[[Actor, Data, dt.datetime], Receipt | None]


def _looked(
    kind: str, body: Mapping[str, Json], *told: str, preview: Preview | None = None
) -> Look:
    value = {"kind": kind, "body": dict(body)}
    text = json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True)
    return Look(text=text, preview=preview, told=told)


def _previewed(
    actor: Actor, now: dt.datetime, kind: str, body: dict[str, Json], *told: str
) -> Look:
    check_may_govern(actor)
    preview = change_preview(actor=actor, kind=kind, body=body, now=now)
    return _looked(kind, body, *told, preview=preview)


def _admit_look(actor: Actor, data: Data, now: dt.datetime) -> Look:  # noqa: ARG001 - an act's
    organisation_with(actor, Scope.ACCOUNTS_WRITE)
    with acting_as(actor):
        if not is_operator():
            raise GovernanceRefusedError("only the operator admits members")
    body: dict[str, Json] = {
        "org": str(data["organisation"]),
        "name": data["name"],
        "kind": data["kind"],
        "first_key": {"holder": "system", "key": MADE_LATER, "public_key": MADE_LATER},
    }
    told = ["Its first key is made and held by this server; the member can add its own later."]
    if data["gln"]:
        told.append(f"A second entry says that you verified its GLN {data['gln']}.")
    return _looked(MEMBER_ADMITTED, body, *told)


def _admit(actor: Actor, data: Data, now: dt.datetime) -> Receipt:
    return organisation_admit(
        actor=actor,
        organisation_id=data["organisation"],
        name=data["name"],
        kind=data["kind"],
        gln=data["gln"] or None,
        now=now,
    )


def _policy_body(data: Data) -> dict[str, Json]:
    body: dict[str, Json] = {"kind": data["kind"], "n": data["n"]}
    if data["member_kind"]:
        return {**body, "member_kind": data["member_kind"]}
    return {**body, "orgs": [*sorted({str(each) for each in data["organisations"]})]}


def _policy_look(actor: Actor, data: Data, now: dt.datetime) -> Look:
    told = "From the index of this entry on every entry of the kind is judged by it."
    return _previewed(actor, now, POLICY_SET, _policy_body(data), told)


def _policy(actor: Actor, data: Data, now: dt.datetime) -> Receipt | None:
    if _needs_endorsements(actor, POLICY_SET, _policy_body(data), now):
        return None
    return gathering.channel_policy_set(
        actor=actor,
        kind=data["kind"],
        n=data["n"],
        organisations=data["organisations"],
        member_kind=data["member_kind"],
        now=now,
    )


def _key_body(data: Data, holder: str) -> dict[str, Json]:
    public_key = data["public_key"]
    body: dict[str, Json] = {
        "key": key_id_of(public_key).hex(),
        "public_key": format_base64(public_key),
    }
    if holder:
        body["holder"] = holder
    if data["label"]:
        body["label"] = data["label"]
    return body


def _check_possession_given(actor: Actor, data: Data, holder: str) -> None:
    """Raise ``PossessionWantedError`` with what the key has to sign."""
    if data["possession"] is not None:
        return
    with acting_as(actor):
        message = possession_message(
            log=current_log().origin,
            organisation_id=actor.organisation,
            public_key=data["public_key"],
            holder=holder,
        )
    raise PossessionWantedError(
        "let the key sign the bytes below, paste the signature as base64, and go on",
        message=format_base64(message),
        text=message.decode(),
    )


def _offer_look(actor: Actor, data: Data, now: dt.datetime) -> Look:
    check_may_govern(actor)
    _check_possession_given(actor, data, data["holder"])
    told = "Whoever holds its private half signs for your organisation from then on."
    return _previewed(actor, now, KEY_ADDED, _key_body(data, data["holder"]), told)


def _offer(actor: Actor, data: Data, now: dt.datetime) -> Receipt:
    return organisation_key_offer(
        actor=actor,
        holder=Holder(data["holder"]),
        public_key=data["public_key"],
        possession=data["possession"],
        label=data["label"],
        now=now,
    )


def _system_look(actor: Actor, data: Data, now: dt.datetime) -> Look:  # noqa: ARG001 - an act's
    check_may_govern(actor)
    body: dict[str, Json] = {"holder": "system", "key": MADE_LATER, "public_key": MADE_LATER}
    if data["label"]:
        body["label"] = data["label"]
    return _looked(KEY_ADDED, body, "This server holds it, and signs with it what you write here.")


def _system(actor: Actor, data: Data, now: dt.datetime) -> Receipt:
    return organisation_key_make(actor=actor, now=now, label=data["label"])[1]


def _mine_look(actor: Actor, data: Data, now: dt.datetime) -> Look:  # noqa: ARG001 - an act's
    body: dict[str, Json] = {"holder": "person", "key": MADE_LATER, "public_key": MADE_LATER}
    told = "This server signs with it only within five minutes of your log-in. It names nobody."
    return _looked(KEY_ADDED, body, told)


def _mine(actor: Actor, data: Data, now: dt.datetime) -> Receipt:  # noqa: ARG001 - an act's
    return my_key_add(actor=actor, now=now)


def _rotate_look(actor: Actor, data: Data, now: dt.datetime) -> Look:
    check_may_govern(actor)
    if data["public_key"] is None:
        body: dict[str, Json] = {"key": MADE_LATER, "public_key": MADE_LATER}
        told = ("From your confirmation on nothing is taken under the old key.",)
        return _looked(KEY_ROTATED, {"old": data["key"], **body}, *told)
    with acting_as(actor):
        known = {key.key_id: key for key in key_list(actor.organisation)}
    if data["key"] not in known:
        raise GovernanceRefusedError("your organisation has no such key")
    _check_possession_given(actor, data, known[data["key"]].holder)
    body = {**_key_body(data, ""), "possession": format_base64(data["possession"])}
    return _previewed(actor, now, KEY_ROTATED, {"old": data["key"], **body})


def _rotate(actor: Actor, data: Data, now: dt.datetime) -> Receipt:
    return organisation_key_rotate(
        actor=actor,
        key_id=data["key"],
        public_key=data["public_key"],
        possession=data["possession"],
        label=data["label"],
        now=now,
    )[1]


def _revoke_look(actor: Actor, data: Data, now: dt.datetime) -> Look:
    body: dict[str, Json] = {"key": data["key"], "reason": data["reason"]}
    told = "What it signed before stays valid. It never returns."
    return _previewed(actor, now, KEY_REVOKED, body, told)


def _revoke(actor: Actor, data: Data, now: dt.datetime) -> Receipt:
    return organisation_key_revoke(actor=actor, key_id=data["key"], reason=data["reason"], now=now)


def _leave_body(data: Data) -> dict[str, Json]:
    return {"org": str(data["organisation"]), "reason": data["reason"]}


def _leave_look(actor: Actor, data: Data, now: dt.datetime) -> Look:
    told = "It ends for ever: an organisation that left is not admitted again."
    return _previewed(actor, now, MEMBER_LEFT, _leave_body(data), told)


def _leave(actor: Actor, data: Data, now: dt.datetime) -> Receipt | None:
    if _needs_endorsements(actor, MEMBER_LEFT, _leave_body(data), now):
        return None
    return organisation_leave(
        actor=actor, organisation_id=data["organisation"], reason=data["reason"], now=now
    )


def _needs_endorsements(actor: Actor, kind: str, body: dict[str, Json], now: dt.datetime) -> bool:
    """Propose an entry that others have to endorse first; return whether that was so."""
    if change_preview(actor=actor, kind=kind, body=body, now=now).policy is None:
        return False
    gathering.organisation_propose(actor=actor, kind=kind, body=body, now=now)
    return True


def _proposal_look(told: str) -> Callable[[Actor, Data, dt.datetime], Look]:
    def look(actor: Actor, data: Data, now: dt.datetime) -> Look:
        check_may_govern(actor)
        found = gathering.organisation_proposal(actor=actor, proposal_id=data["proposal"], now=now)
        if found.state != "open":
            raise GovernanceRefusedError(f"the proposal is {found.state}")
        entry = json.loads(found.entry)
        return Look(text=json.dumps(entry, indent=2, ensure_ascii=False), told=(told,))

    return look


def _endorse(actor: Actor, data: Data, now: dt.datetime) -> None:
    gathering.organisation_endorse(
        actor=actor, proposal_id=data["proposal"], now=now, signer=Signer.SYSTEM, own=None
    )


def _withdraw(actor: Actor, data: Data, now: dt.datetime) -> None:
    gathering.organisation_withdraw(actor=actor, proposal_id=data["proposal"], now=now)


def _submit(actor: Actor, data: Data, now: dt.datetime) -> Receipt:
    return gathering.organisation_submit(
        actor=actor, proposal_id=data["proposal"], now=now, own=None
    )


_ENDORSED = "This server signs it under your organisation's system key."
_SUBMITTED = "It is written with the endorsements that it has."

_ALL = (
    Act("admit", "Admit a member", forms.AdmitForm, _admit_look, _admit),
    Act("policy", "Set an endorsement policy", forms.PolicyForm, _policy_look, _policy),
    Act("offer", "Register a key of your own", forms.OfferForm, _offer_look, _offer),
    Act("system-key", "Have the server make a key", forms.SystemKeyForm, _system_look, _system),
    Act("my-key", "Make your personal key", forms.MineForm, _mine_look, _mine),
    Act("rotate", "Rotate a key", forms.RotateForm, _rotate_look, _rotate),
    Act("revoke", "Revoke a key", forms.RevokeForm, _revoke_look, _revoke),
    Act("leave", "Leave the log", forms.LeaveForm, _leave_look, _leave),
    Act("endorse", "Endorse a proposal", forms.ProposalForm, _proposal_look(_ENDORSED), _endorse),
    Act(
        "withdraw",
        "Withdraw a proposal or an endorsement",
        forms.ProposalForm,
        _proposal_look("Nothing is written in the log."),
        _withdraw,
    ),
    Act(
        "submit",
        "Submit an endorsed proposal",
        forms.ProposalForm,
        _proposal_look(_SUBMITTED),
        _submit,
    ),
)
ACTS = {act.slug: act for act in _ALL}
