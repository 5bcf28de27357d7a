"""Custody of drugs and devices, as a fold over EPCIS events."""
