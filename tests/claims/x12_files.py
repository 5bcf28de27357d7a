"""Interchanges of our own, and pyx12 as the oracle of their form."""

import io
from datetime import UTC, datetime
from pathlib import Path

from pyx12.params import ParamsBase  # type: ignore[import-untyped]  # no py.typed
from pyx12.x12n_document import x12n_document  # type: ignore[import-untyped]  # no py.typed

from claims.core.x12 import Envelope, Interchange, parse_interchanges

FILES = Path(__file__).parents[1] / "vectors" / "claims"
ENVELOPE = Envelope(
    sender=("ZZ", "PAYER1", "PAYER1"),
    receiver=("ZZ", "CLINIC", "CLINIC"),
    interchange_number=7,
    group_number=9,
    sent_at=datetime(2026, 3, 11, 8, 30, 5, tzinfo=UTC),
    usage="T",
)


def file_bytes(name: str) -> bytes:
    """Return one of our own files."""
    return (FILES / name).read_bytes()


def one(data: bytes) -> Interchange:
    """Return the only interchange in ``data``."""
    (interchange,) = parse_interchanges(data)
    return interchange


def oracle(data: bytes) -> str:
    """Return what pyx12 acknowledges, without its random envelope."""
    acknowledged = io.StringIO()
    x12n_document(ParamsBase(), io.StringIO(data.decode()), acknowledged, None)
    lines = acknowledged.getvalue().splitlines()
    return "".join(line for line in lines if line[:3] in {"IK3", "IK4", "IK5", "AK9"})


def oracle_accepts(data: bytes) -> bool:
    """Return whether pyx12 finds no fault; it cannot acknowledge sets without an ST03."""
    accepted: bool = x12n_document(ParamsBase(), io.StringIO(data.decode()), None, None)
    return accepted


def resealed(text: str) -> bytes:
    """Return one-set ``text`` with the count in SE made right."""
    segments = text.strip().split("~")
    start = next(at for at, each in enumerate(segments) if each.strip().startswith("ST*"))
    end = next(at for at, each in enumerate(segments) if each.strip().startswith("SE*"))
    segments[end] = f"\nSE*{end - start + 1}*{segments[end].rsplit('*', 1)[1]}"
    return "~".join(segments).encode()
