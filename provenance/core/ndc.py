"""National Drug Codes: written with hyphens, because only they say where a segment ends.

FDA's code has ten digits as 4-4-2, 5-3-2 or 5-4-1; billing wants eleven as 5-4-2, with a zero put
before the short segment (21 CFR 207.33; NCPDP). The way back, from eleven digits or from a GTIN,
is ambiguous and is never guessed.
"""

import re
from dataclasses import dataclass
from typing import Final

from foundation.core.problem import BadInputError

_WRITTEN: Final = re.compile(
    "([0-9]{4})-([0-9]{4})-([0-9]{2})|([0-9]{5})-(?:([0-9]{3})-([0-9]{2})|([0-9]{4})-([0-9]))"
)
# A GTIN that carries an NDC: a package indicator, GS1 US's prefix 03, the ten digits, a check
# digit (FDA, DSCSA standards guidance).
_GTIN_PREFIX: Final = "03"


class NdcError(BadInputError):
    """The text is no NDC of ten digits with its hyphens."""

    slug = "ndc"
    title = "This is not a National Drug Code"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ndc:
    """A product's code in its three segments."""

    labeler: str
    product: str
    package: str

    @property
    def eleven(self) -> str:
        """The eleven digits of billing, 5-4-2 without hyphens."""
        return self.labeler.zfill(5) + self.product.zfill(4) + self.package.zfill(2)

    def fits(self, gtin: str) -> bool:
        """Return whether ``gtin``, 14 digits, is a package of this product."""
        return gtin[1:13] == _GTIN_PREFIX + self.labeler + self.product + self.package


def parse_ndc(text: str) -> Ndc:
    """Return the code that ``text`` spells, as 0001-0123-45; raise ``NdcError``."""
    match = _WRITTEN.fullmatch(text)
    if match is None:
        raise NdcError("an NDC is written with its hyphens: 4-4-2, 5-3-2 or 5-4-1 digits")
    labeler, product, package = (part for part in match.groups() if part is not None)
    return Ndc(labeler=labeler, product=product, package=package)
