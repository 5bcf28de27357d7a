"""Arrays in the server's binary form are those that the server reads."""

from uuid import UUID

import pytest
from django.db import IntegrityError
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation.bulk import ByteaArray, Int4Array, Int8Array, TextArray, UuidArray, bulk_cursor
from foundation.core.actor import PUBLIC
from foundation.tenancy import APP_ALIAS, acting_as

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=9)
INT4, INT8 = (st.integers(-(2**bits), 2**bits - 1) for bits in (31, 63))
ROWS = st.lists(
    st.tuples(st.binary(max_size=9), st.uuids(), TEXTS, INT4, INT8), min_size=1, max_size=20
)


@pytest.mark.usefixtures("channel")
@settings(deadline=None, max_examples=50)
@given(ROWS)
def test_what_is_sent_is_what_arrives(rows: list[tuple[bytes, UUID, str, int, int]]) -> None:
    hashes, ids, texts, numbers, long_numbers = zip(*rows, strict=True)
    with acting_as(PUBLIC), bulk_cursor(APP_ALIAS) as cursor:
        cursor.execute(
            "SELECT * FROM unnest(%s, %s, %s, %s, %s)",
            [
                ByteaArray(hashes),
                UuidArray(ids),
                TextArray(texts),
                Int4Array(numbers),
                Int8Array(long_numbers),
            ],
        )
        assert cursor.fetchall() == rows


@pytest.mark.usefixtures("channel")
def test_its_errors_are_those_of_django() -> None:
    with (
        pytest.raises(IntegrityError),
        acting_as(PUBLIC),
        bulk_cursor(APP_ALIAS) as cursor,
    ):
        cursor.execute(
            "DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = 'integrity_constraint_violation';"
            " END $$"
        )
