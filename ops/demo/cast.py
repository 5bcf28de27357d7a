"""Who is on stage, and what the story has shown so far."""

from dataclasses import dataclass, field
from typing import Any

from foundation.core.actor import Actor
from ops.demo.party import Party
from ops.demo.stage import Stage

# Fictitious companies; the GLNs lie in GS1's range for restricted use within a company, the NPIs
# are made up and have a right check digit.
PARTIES = (
    ("manufacturer", "Arden Pharma", "2000000000015"),
    ("wholesaler", "Birch Wholesale", "2000000000022"),
    ("pharmacy", "Corner Pharmacy", "2000000000039"),
    ("hospital", "Dale Hospital", "2000000000046"),
    ("insurer", "Elm Insurance", "2000000000053"),
)
NPIS = {"pharmacy": "1234567893", "hospital": "1245319599"}
# A patient of nobody's: the hospital's number, the insurer's number and its payer.
MRN_SYSTEM, MRN = "https://dale-hospital.example/mrn", "DH-0047712"
PHARMACY_SYSTEM, PHARMACY_PATIENT = "https://corner-pharmacy.example/patients", "CP-3310"
PAYER, MEMBER = "600100", "M100200"


@dataclass(slots=True)
class Story:
    """What is on stage so far, and what was proven."""

    stage: Stage
    operator: Party
    operator_actor: Actor
    parties: dict[str, Party] = field(default_factory=dict)
    visit_record: str = ""  # the record behind the clinic's claims, once it is anchored
    receipts: list[dict[str, Any]] = field(default_factory=list)
    proven: list[str] = field(default_factory=list)

    def keep_receipt(self, body: dict[str, Any]) -> None:
        """Keep the promise of a write, as every member should."""
        self.receipts.append({name: body[name] for name in ("receipt", "sig", "entry_ids")})

    def prove(self, sentence: str) -> None:
        """Note what a scene has shown."""
        self.proven.append(sentence)
        self.stage.console.print(f"  [green]✓[/green] {sentence}")

    def scene(self, title: str) -> None:
        """Announce a scene."""
        self.stage.console.print(f"\n[bold]{title}[/bold]")
