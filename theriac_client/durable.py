"""Files that survive: written whole or not at all, by one process at a time.

Temporary file, fsync, rename, fsync of the folder: after a cut, the old bytes are there or the
new ones.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson

from foundation.core.json_input import JsonInputError, parse_json
from foundation.core.problem import TooLargeError
from ledger.core.canonical import Json
from theriac_client.errors import StateError

FILE_SIZE_BYTES_MAX = 256 * 1024 * 1024
_PRIVATE = 0o600
_PRIVATE_FOLDER = 0o700


def folder_made(folder: Path) -> Path:
    """Return the folder, made for its owner alone where it was not there."""
    try:
        folder.mkdir(mode=_PRIVATE_FOLDER, parents=True, exist_ok=True)
    except OSError as error:
        raise StateError(f"{folder} cannot be made: {error.strerror}") from error
    return folder


def write_bytes(path: Path, data: bytes) -> None:
    """Put ``data`` there durably, readable by the owner alone; raise ``StateError``."""
    temporary = path.with_name(f".{path.name}.new")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _PRIVATE)
        with open(handle, "wb") as file:  # noqa: PTH123 - a descriptor with its mode
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise StateError(f"{path} cannot be written: {error.strerror}") from error


def write_json(path: Path, value: object) -> None:
    """Put a JSON value there durably."""
    write_bytes(path, orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def remove(path: Path) -> None:
    """Remove a file durably, if it is there."""
    try:
        path.unlink(missing_ok=True)
        _sync_folder(path.parent)
    except OSError as error:
        raise StateError(f"{path} cannot be removed: {error.strerror}") from error


def read_bytes(path: Path, limit: int = FILE_SIZE_BYTES_MAX) -> bytes:
    """Return a file's bytes; raise ``StateError`` where it is missing or larger than ``limit``."""
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise StateError(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > limit:
        raise StateError(f"{path} is larger than {limit} bytes")
    return data


def read_json(path: Path) -> dict[str, Json]:
    """Return the object that a JSON file holds; raise ``StateError``."""
    try:
        value = parse_json(read_bytes(path))
    except (JsonInputError, TooLargeError) as error:
        raise StateError(f"{path} is damaged: {error.detail}") from error
    if not isinstance(value, dict):
        raise StateError(f"{path} is damaged: no object")
    return value


@contextmanager
def locked(folder: Path, name: str = "lock") -> Iterator[None]:
    """Hold the folder's lock: whoever comes second waits until the first is through, or dead."""
    path = folder_made(folder) / name
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, _PRIVATE)
    except OSError as error:
        raise StateError(f"{path} cannot be opened: {error.strerror}") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
