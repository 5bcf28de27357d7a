"""Anchors: a document of commitments makes one entry that holds them and nothing else."""

from typing import Any
from uuid import UUID

import pytest

from ledger.core.anchor import COMMITMENTS_MAX, AnchorError, anchor_draft


def test_the_entry_holds_the_commitments_and_nothing_else() -> None:
    draft = anchor_draft({"commitments": ["00" * 32, "ff" * 32]}, entry_id=UUID(int=7))
    assert (draft.kind, draft.id, draft.body) == ("member.anchored.v1", UUID(int=7), {})
    assert draft.commitments == (bytes(32), b"\xff" * 32)


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ([], "anchor"),
        ({}, "anchor.commitments"),
        ({"commitments": []}, "anchor.commitments"),
        ({"commitments": ["00" * 32] * (COMMITMENTS_MAX + 1)}, "anchor.commitments"),
        ({"commitments": ["00" * 31]}, "anchor.commitments[0]"),
        ({"commitments": ["00" * 32, 1]}, "anchor.commitments[1]"),
        ({"commitments": ["00" * 32], "name": "A. Patient"}, "anchor"),
    ],
)
def test_anything_else_is_refused_by_its_place(document: Any, place: str) -> None:
    with pytest.raises(AnchorError) as caught:
        anchor_draft(document, entry_id=UUID(int=7))
    assert caught.value.members["path"] == place
    assert "Patient" not in str(caught.value)


def test_the_most_that_is_taken_fits_an_entry() -> None:
    draft = anchor_draft({"commitments": ["00" * 32] * COMMITMENTS_MAX}, entry_id=UUID(int=7))
    assert len(draft.commitments) == COMMITMENTS_MAX
