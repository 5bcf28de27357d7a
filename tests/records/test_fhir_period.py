"""Periods: which moments they mean, and which mean none."""

import datetime as dt

import pytest

from records.core.fhir_json import TIME_MAX, TIME_MIN, FhirError, fhir_object, parse_period


def test_an_end_includes_what_it_matches_and_a_missing_one_is_open() -> None:
    def period(value: dict[str, str]) -> tuple[dt.datetime, dt.datetime]:
        found = parse_period(fhir_object(value, "period"))
        return found.start, found.end

    new_year, day = dt.datetime(2026, 1, 1, tzinfo=dt.UTC), dt.timedelta(days=1)
    assert period({"start": "2026-01-01", "end": "2026-01-01"}) == (new_year, new_year + day)
    assert period({"start": "2026-01-01"}) == (new_year, TIME_MAX)
    assert period({"end": "2026-01-01"}) == (TIME_MIN, new_year + day)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"id": "p"}, "neither start nor end"),
        ({"start": "2026-01-02", "end": "2026-01-01"}, "ends before it starts"),
        ({"start": "soon"}, "no date or time"),
    ],
)
def test_a_period_of_no_moment_is_refused(value: dict[str, str], reason: str) -> None:
    with pytest.raises(FhirError, match=reason):
        parse_period(fhir_object(value, "period"))
