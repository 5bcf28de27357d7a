"""An emergency that is reviewed, and an erasure that is proven."""

import time
from typing import Any

import psycopg
from psycopg import sql

from foundation.core.actor import Role
from ops.demo import audit
from ops.demo.bedside import give_consent, search
from ops.demo.cast import MRN, MRN_SYSTEM, PHARMACY_PATIENT, PHARMACY_SYSTEM, Story
from ops.demo.people import Person, employ, take_key

CERTIFIED_TIMEOUT_S = 30.0
# What only the patient's documents say: no table holds it.
PERSONAL = (b"Marina", b"marina-polo", MRN.encode(), PHARMACY_PATIENT.encode())


def hire_privacy_officers(story: Story, kind: str, names: tuple[str, str]) -> tuple[Person, Person]:
    """Let a party take on two people who guard privacy, each with a key of their own."""
    party = story.parties[kind]
    first, second = (
        employ(
            party, name=name, roles=[Role.PRIVACY_OFFICER], email=f"{name.lower()}@{kind}.example"
        )
        for name in names
    )
    for person in (first, second):
        take_key(story, person)
    return first, second


def play_emergency(story: Story, officer: Person) -> None:
    """Open a closed record in an emergency: with a reason, for a while, and reviewed."""
    hospital = story.parties["hospital"]
    story.scene("At night, the patient cannot speak, and the record is closed")
    give_consent(story, "marina-polo-emergencies", "consent-emergencies.json")
    nurse = employ(hospital, name="Nina", roles=[Role.CLINICIAN], email="nina@dale.example")
    take_key(story, nurse)
    if search(story, nurse, "AllergyIntolerance", "TREAT")[0]:
        raise audit.NotProvenError("treatment saw a record that is open to emergencies alone")
    opening = {"patient": f"{MRN_SYSTEM}|{MRN}", "reason": "life-threatening"}
    glass = nurse.expect(201, "POST", "/api/v1/break-glass", opening).json()
    story.keep_receipt(glass)
    allergies, _ = search(story, nurse, "AllergyIntolerance", "BTG")
    findings, _ = search(story, nurse, "Observation", "BTG")
    if (allergies, findings) != (1, 0):
        raise audit.NotProvenError(f"the emergency set showed {allergies} and {findings}")
    story.prove("a broken glass shows the emergency set (the penicillin allergy) and no more")
    path = f"/api/v1/break-glass/{glass['glass_id']}"
    why = {"explanation": "Unconscious after a fall; allergies had to be known before sedation."}
    story.keep_receipt(nurse.expect(201, "POST", f"{path}/explanation", why).json())
    if nurse.send("POST", f"{path}/review", {"verdict": "justified"}).status < 400:  # noqa: PLR2004 - HTTP
        raise audit.NotProvenError("who broke the glass reviewed it")
    story.keep_receipt(
        officer.expect(201, "POST", f"{path}/review", {"verdict": "justified"}).json()
    )
    story.prove("it is explained in words, and reviewed by somebody else, under keys of their own")


def play_erasure(story: Story, first: Person, second: Person) -> None:
    """Erase the patient at the hospital, and at the pharmacy too."""
    hospital, pharmacy = story.parties["hospital"], story.parties["pharmacy"]
    story.scene(f"The patient asks {hospital.name} to erase everything")
    wanted = {"identifier": {"system": MRN_SYSTEM, "value": MRN}, "reason": "consent_withdrawn"}
    record = _erase(story, wanted, first, second)
    story.prove(
        f"two persons' keys approved it, {record['count']} things were destroyed, and every probe"
        " that tried to open one failed; the certificate is an entry"
    )
    shown, _ = search(story, story.parties["insurer"], "Observation", "HPAYMT")
    if shown:
        raise audit.NotProvenError("an erased record was shown")
    officers = hire_privacy_officers(story, "pharmacy", ("Pia", "Quinn"))
    identifier = {"system": PHARMACY_SYSTEM, "value": PHARMACY_PATIENT}
    person = _erase(story, wanted | {"identifier": identifier}, *officers)
    story.prove(
        f"{pharmacy.name} erases {person['count']} things too, the prescriptions among them; what"
        " was given of the bottle still counts"
    )
    _look_for_words(story)
    for party, officer, erasure in (
        (hospital, first, record),
        (pharmacy, officers[0], person),
    ):
        audit.manage(["vault_rotate", "--organisation", str(party.organisation_id)])
        final = officer.expect(200, "GET", f"/api/v1/erasures/{erasure['id']}").json()
        if final["state"] != "final":
            raise audit.NotProvenError(f"after the root's rotation it is {final['state']}")
    story.prove("both old root keys are destroyed: old backups do not open either")


def _erase(story: Story, wanted: dict[str, Any], first: Person, second: Person) -> dict[str, Any]:
    """Propose, approve by two, and wait for the certificate; one person alone is refused."""
    proposed = first.expect(201, "POST", "/api/v1/erasures", wanted).json()
    story.keep_receipt(proposed)
    path = f"/api/v1/erasures/{proposed['id']}"
    story.keep_receipt(first.expect(200, "POST", f"{path}/approve", {}).json())
    alone = first.send("POST", f"{path}/approve", {}, Idempotency_Key="a-second-time")
    if alone.status < 400:  # noqa: PLR2004 - HTTP
        raise audit.NotProvenError("one person erased alone")
    erased = second.expect(200, "POST", f"{path}/approve", {}).json()
    story.keep_receipt(erased)
    story.keep_receipt(erased["erased"])
    return _certificate(second, path)


def _look_for_words(story: Story) -> None:
    """Find the patient's words in no table, and a word that is there in its own."""
    left = _tables_with(story, PERSONAL)
    if left:
        raise audit.NotProvenError(f"personal data is left in {left}")
    control = _tables_with(story, (story.parties["hospital"].name.encode(),))
    if "accounts_organisation" not in control:
        raise audit.NotProvenError("the search of the tables finds nothing at all")
    story.prove("a superuser who reads every table finds no word of the record")


def _certificate(person: Person, path: str) -> dict[str, Any]:
    deadline = time.monotonic() + CERTIFIED_TIMEOUT_S
    while time.monotonic() < deadline:
        found: dict[str, Any] = person.expect(200, "GET", path).json()
        if found["certificates"]:
            return found
        time.sleep(0.05)
    raise audit.NotProvenError("the erasure was not certified")


def _tables_with(story: Story, words: tuple[bytes, ...]) -> list[str]:
    """Return the tables that hold any of the words, read whole with a superuser's eyes."""
    found = []
    with psycopg.connect(story.stage.admin_url) as superuser:
        names = superuser.execute(
            "SELECT relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace"
            " WHERE relkind = 'r' AND nspname = 'public'"
        ).fetchall()
        for (name,) in names:
            query = sql.SQL("COPY {} TO STDOUT (FORMAT binary)").format(sql.Identifier(name))
            with superuser.cursor().copy(query) as rows:
                held = b"".join(rows)
            if any(word in held for word in words):
                found.append(name)
    return found
