"""The story itself: scenes in order, each a function that checks what it shows."""

import datetime as dt
import secrets
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID, uuid4

from django.utils import timezone

from accounts.core.scopes import Scope
from accounts.services import (
    api_key_create,
    membership_grant,
    operator_project,
    user_create,
)
from foundation.core.actor import PUBLIC, SYSTEM, Actor, ActorKind, Role
from foundation.tenancy import acting_as
from ledger.core.governance import MEMBER_ADMITTED
from ledger.core.receipt import parse_receipt
from ledger.selectors import entry_list
from ledger.services import channel_create
from ops.demo import audit
from ops.demo.bedside import play_record, play_visit_claim
from ops.demo.cast import NPIS, PARTIES, Story
from ops.demo.custody import epc_of, play_bottle, play_custody, serial_of
from ops.demo.insurance import play_contract, play_drug_claims
from ops.demo.intake import play_input
from ops.demo.party import Party, UnexpectedAnswerError
from ops.demo.privacy import hire_privacy_officers, play_emergency, play_erasure
from ops.demo.stage import Stage

# Who can look at the pages afterwards, and at what.
LOG_INS = (
    ("operator", Role.OPERATOR, "the log and its members, /admin/"),
    ("pharmacy", Role.PHARMACIST, f"/scan/, for instance {epc_of(serial_of(5))}"),
    ("insurer", Role.ADJUDICATOR, "claims and contracts, /graphql/"),
)


def play(
    stage: Stage, *, tamper: bool, files: Sequence[Path] = (), folder: Path | None = None
) -> bool:
    """Play every scene; print what was proven; return whether all of it held.

    ``files`` are those of a ``folder`` that somebody brings.
    """
    try:
        story = _open(stage)
        _admit(story)
        prove_admissions(story)
        play_custody(story)
        play_bottle(story)
        play_record(story)
        play_contract(story)
        play_drug_claims(story)
        play_visit_claim(story)
        officers = hire_privacy_officers(story, "hospital", ("Carla", "Dino"))
        play_emergency(story, officers[0])
        play_erasure(story, *officers)
        if folder is not None:
            play_input(story, folder, files)
        audit.verify_everything(story)
        if tamper:
            audit.tamper_and_find(story)
    except (UnexpectedAnswerError, audit.NotProvenError) as error:
        stage.console.print(f"\n[red]✗ {error}[/red]", markup=True)
        return False
    for kind, role, what in LOG_INS:
        log_in_for(story, story.parties.get(kind, story.operator), role, what)
    stage.console.rule("proven")
    for sentence in story.proven:
        stage.console.print(f"  ✓ {sentence}")
    return True


def _open(stage: Stage) -> Story:
    """Open the channel, as its operator does on the operator's own machine."""
    now = timezone.now()
    operator_id = uuid4()
    log = channel_create(operator_id=operator_id, operator_name="Theriac operator", now=now)
    actor = Actor(
        kind=ActorKind.ORGANISATION,
        organisation_id=operator_id,
        roles=frozenset({Role.OPERATOR, Role.ADMIN}),
        scopes=frozenset(Scope),
    )
    operator_project(actor=actor)
    stage.console.print(f"channel {log.origin}\nvkey    {log.vkey}")
    operator = Party("operator", operator_id, "", _api_key(actor, now), stage.port)
    return Story(stage, operator, actor)


def _admit(story: Story) -> None:
    """Let the operator admit five organisations, each with a key in the log."""
    story.scene("Five organisations that do not trust each other join one log")
    for kind, name, gln in PARTIES:
        organisation_id = uuid4()
        answer = story.operator.expect(
            201,
            "POST",
            "/api/v1/organisations",
            {"id": str(organisation_id), "name": name, "kind": kind, "gln": gln},
        )
        story.keep_receipt(answer.json())
        audit.wait_until_sequenced(organisation_id)
        actor = Actor(
            kind=ActorKind.ORGANISATION,
            organisation_id=organisation_id,
            roles=frozenset({Role.ADMIN}),
            scopes=frozenset(Scope),
        )
        key = _api_key(actor, timezone.now())
        story.parties[kind] = Party(name, organisation_id, gln, key, story.stage.port)
        if kind in NPIS:
            _credential(story, organisation_id, NPIS[kind])
        seen = story.parties[kind].expect(200, "GET", "/api/v1/me").json()
        if UUID(str(seen["organisation"]["id"])) != organisation_id:
            raise audit.NotProvenError(f"{name} is not who its key says")
    story.prove("5 organisations were admitted by entries in the log; each has a key of its own")


def _credential(story: Story, organisation_id: UUID, npi: str) -> None:
    """Let the operator record the NPI that it looked up."""
    facts = {
        "holder_id": str(organisation_id),
        "type": "NPI",
        "value": npi,
        "evidence": "the national registry's page, looked up at the admission",
        "valid_from": f"{timezone.now().year}-01-01",
    }
    story.keep_receipt(story.operator.expect(201, "POST", "/api/v1/credentials", facts).json())


def _api_key(actor: Actor, now: dt.datetime) -> str:
    _, key = api_key_create(actor=actor, name="demo", scopes=sorted(Scope), now=now)
    return key


def prove_admissions(story: Story) -> None:
    """Prove an admission to somebody who has no account, and show that a changed byte fails."""
    story.scene("Anyone checks one act, offline")
    receipt = parse_receipt(story.receipts[-1])
    with acting_as(PUBLIC):
        entries = entry_list(kinds=[MEMBER_ADMITTED])
    last = entries[-1]
    if receipt.promise.root != last.entry_id:
        raise audit.NotProvenError("the receipt promises another entry than the log holds")
    audit.prove_entry(story, last.entry_id.hex(), "the insurer's admission")


def log_in_for(story: Story, party: Party, role: Role, what: str) -> None:
    """Make somebody of a party who can log in to the pages; note the password and what to try."""
    email = f"{role}@theriac.example"
    password, now = secrets.token_urlsafe(12), timezone.now()
    user_id = user_create(actor=SYSTEM, email=email, password=password, is_staff=True, now=now)
    membership_grant(
        actor=SYSTEM,
        user_id=user_id,
        organisation_id=party.organisation_id,
        roles=[role],
        now=now,
    )
    story.stage.log_ins.append(f"{email}  {password}  ({party.name}: {what})")
