"""Where the vectors that others wrote lie: beside the project, never inside it.

Developers and the gate have them; a user's clone does not, and its tests skip with the reason.
"""

from pathlib import Path

import pytest

SHARED = Path(__file__).parents[1] / ".." / "shared" / "vectors"
ABSENT = "others' vectors are not beside this clone"


def shared_vectors(path: str) -> Path:
    """Return the file or folder of others' vectors; skip the test where there is none."""
    if not SHARED.is_dir():
        pytest.skip(ABSENT)
    return SHARED / path


def shared_list(folder: str, pattern: str) -> list[object]:
    """Return one parameter per file, or a single skipped one where there are no vectors."""
    if not SHARED.is_dir():
        return [pytest.param(None, marks=pytest.mark.skip(reason=ABSENT))]
    root = SHARED / folder
    return [
        pytest.param(path, id=str(path.relative_to(root))) for path in sorted(root.glob(pattern))
    ]
