"""All writes of provenance."""

from provenance.services.capture import Captured, Prescription, Seeds, events_capture
from provenance.services.spends import serial_spend

__all__ = [
    "Captured",
    "Prescription",
    "Seeds",
    "events_capture",
    "serial_spend",
]
