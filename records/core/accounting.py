"""How long an accounting of disclosures is kept: the person may ask for six years of it."""

import datetime as dt

ARTICLE = "45 CFR 164.528(a)(1)"
YEARS = 6


def kept_until(disclosed: dt.date) -> dt.date:
    """Return the last day on which the person may ask about a disclosure of that day."""
    try:
        return disclosed.replace(year=disclosed.year + YEARS)
    except ValueError:  # 29 February
        return dt.date(disclosed.year + YEARS, 3, 1)
