"""The folder that somebody brings to the demo: looked at before anything is started."""

from pathlib import Path

from ops.errors import OpsError


class InputError(OpsError):
    """The folder that was brought cannot be read, or holds nothing."""


def files_of(folder: Path) -> list[Path]:
    """Return the folder's files, in order; raise ``InputError`` where there are none."""
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder", remedy="name one that holds your documents")
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    if not found:
        raise InputError(f"{folder} holds no file", remedy="put EPCIS, FHIR or X12 files there")
    return found
