"""The whole log as a folder that C2SP clients audit: checkpoint, tiles, entry bundles, vkey."""

import os
from collections.abc import Iterator
from pathlib import Path

from django.db import connections

from foundation.core.actor import PUBLIC
from foundation.core.problem import ConflictError
from foundation.tenancy import acting_as, current_alias
from ledger.core.statement import build_header
from ledger.core.tiles import export_files
from ledger.errors import NotSequencedError
from ledger.selectors import LogInfo, checkpoint_latest, current_log

_ROWS_AT_ONCE = 2000
_SELECT = """
    SELECT leaf.position, entry.content, submission.statement, submission.signature
    FROM ledger_leaf AS leaf
    JOIN ledger_submission AS submission ON submission.id = leaf.submission_id
    LEFT JOIN ledger_entry AS entry
        ON entry.submission_id = leaf.submission_id AND entry.position = leaf.position
    WHERE leaf.log_id = %s AND leaf.log_index >= %s AND leaf.log_index < %s
    ORDER BY leaf.log_index
"""


class FolderInUseError(ConflictError):
    """The folder holds something else."""

    slug = "folder-in-use"
    title = "The folder is not empty"


def log_export(folder: Path) -> int:
    """Write the log as published now into ``folder``; return its size.

    Files are written whole, the checkpoint last: a copy that broke off has none. Raise
    ``FolderInUseError`` for a folder with other things in it, ``NotSequencedError`` for an
    empty log.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / "vkey").exists():
        raise FolderInUseError(f"{folder} holds something that is not an export: choose another")
    with acting_as(PUBLIC):
        log = current_log()
        head = checkpoint_latest(log)
        if head is None:
            raise NotSequencedError("the log has no checkpoint yet")
        (folder / "checkpoint").unlink(missing_ok=True)
        files = export_files(
            leaves=leaf_data(log, 0, head.size), checkpoint=head.note.encode(), vkey=log.vkey
        )
        for name, data in files:
            _write(folder / name, data)
        return head.size


def leaf_data(log: LogInfo, start: int, end: int) -> Iterator[bytes]:
    """Yield the bytes of the leaves from ``start`` up to ``end``, rebuilt from what is stored."""
    for first in range(start, end, _ROWS_AT_ONCE):
        with connections[current_alias()].cursor() as cursor:
            cursor.execute(_SELECT, [log.id, first, min(first + _ROWS_AT_ONCE, end)])
            rows = cursor.fetchall()
        for position, content, statement, signature in rows:
            if position == 0:
                yield build_header(statement_bytes=bytes(statement), signature=bytes(signature))
            else:
                # A leaf without its entry has no bytes: the verifier names the index.
                yield bytes(content or b"")


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.draft")
    with draft.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
