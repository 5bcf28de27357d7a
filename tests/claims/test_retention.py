"""How long a paid claim is kept."""

import datetime as dt

import pytest

from claims.core.retention import kept_until


@pytest.mark.parametrize(
    ("paid", "until"),
    [
        (dt.date(2026, 11, 24), dt.date(2032, 11, 24)),
        (dt.date(2024, 2, 29), dt.date(2030, 3, 1)),
    ],
)
def test_a_paid_claim_is_kept_for_six_years(paid: dt.date, until: dt.date) -> None:
    assert kept_until(paid) == until
