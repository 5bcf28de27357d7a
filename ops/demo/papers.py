"""The story's documents: written in the real formats, with this day's date and these parties."""

import datetime as dt
import json
from pathlib import Path
from string import Template

from ledger.core.canonical import canonical_bytes

FOLDER = Path(__file__).with_name("documents")
X12 = "application/edi-x12"
FHIR = "application/fhir+json"
LD_JSON = "application/ld+json"


def paper(name: str, today: dt.date, **values: str) -> bytes:
    """Return the document ``name`` with its gaps filled; an 837 comes without line breaks."""
    text = Template((FOLDER / name).read_text()).substitute(
        values,
        yyyymmdd=f"{today:%Y%m%d}",
        yymmdd=f"{today:%y%m%d}",
        yyyy_mm_dd=today.isoformat(),
    )
    return (text.replace("\n", "") if name.endswith(".837") else text).encode()


def contract_paper() -> bytes:
    """Return the contract as it is proposed: in canonical JSON, whose hash becomes its id."""
    return canonical_bytes(json.loads((FOLDER / "contract.json").read_bytes()))
