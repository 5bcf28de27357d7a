"""Fixtures of the embedded server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.postgres import destroy_server


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home with a space in its name, below a folder that is closed to others."""
    folder = tmp_path / "a home"
    yield folder
    if folder.is_dir():
        destroy_server(folder)
