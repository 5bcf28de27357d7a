"""The whole log as a folder that C2SP clients audit: checkpoint, tiles, entry bundles, vkey."""

import os
from pathlib import Path

from foundation.core.actor import PUBLIC, Actor
from foundation.core.problem import ConflictError
from foundation.tenancy import acting_as
from ledger.core.tiles import export_files
from ledger.published import head_published
from ledger.selectors import current_log, leaf_data


class FolderInUseError(ConflictError):
    """The folder holds something else."""

    slug = "folder-in-use"
    title = "The folder is not empty"


def log_export(folder: Path, *, actor: Actor = PUBLIC) -> int:
    """Write the log that the actor acts in, as published now, into ``folder``; return its size.

    Files are written whole, the checkpoint last: a copy that broke off has none. Raise
    ``FolderInUseError`` for a folder with other things in it, ``NotSequencedError`` for a
    log of which nothing is published.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / "vkey").exists():
        raise FolderInUseError(f"{folder} holds something that is not an export: choose another")
    with acting_as(actor):
        log = current_log()
        head = head_published(log)
        (folder / "checkpoint").unlink(missing_ok=True)
        files = export_files(
            leaves=leaf_data(log, 0, head.size), checkpoint=head.note.encode(), vkey=log.vkey
        )
        for name, data in files:
            _write(folder / name, data)
        return head.size


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.draft")
    with draft.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
