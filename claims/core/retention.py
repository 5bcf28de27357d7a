"""How long what was paid must be kept: a claim that was paid cannot be erased before.

One rule for everybody, until rules of jurisdictions are data.
"""

import datetime as dt

YEARS = 6  # 45 CFR 164.316(b)(2)(i)
ARTICLE = "GDPR 17(3)(b), 45 CFR 164.316(b)(2)(i)"


def kept_until(paid_date: dt.date) -> dt.date:
    """Return the last day on which a claim paid on this day must be kept: six years on."""
    try:
        return paid_date.replace(year=paid_date.year + YEARS)
    except ValueError:  # 29 February
        return dt.date(paid_date.year + YEARS, 3, 1)
