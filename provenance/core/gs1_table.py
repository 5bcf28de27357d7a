"""The application identifiers (AI) of GS1: form, partners and role of each.

The facts are those of GS1's Barcode Syntax Dictionary; a test compares them entry by entry.
A component is written as character set and length (``N6``, ``X1-20``), its checks after
colons, and ``?`` where it may be left out. Character sets: N digits, X the 82 characters of
GS1 General Specifications figure 7.11-1, Y the 39 of figure 7.11-2, Z base64url.
"""

import re
from dataclasses import dataclass
from typing import Final

_OWN_FAMILY = "own family"
_COMPONENT = re.compile(r"([NXYZ])(?:(\d+)-)?(\d+)((?::\w+)*)(\??)")


@dataclass(frozen=True, slots=True, kw_only=True)
class AiComponent:
    """One part of a value: its character set, its length in characters, and its checks."""

    charset: str
    length_min: int
    length_max: int
    optional: bool
    linters: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AiRule:
    """What one AI demands.

    ``fixed``: the length is known from the AI, so no separator follows it. ``attribute``: may
    stand in the query of a Digital Link. ``requires``: one of these groups must be there, all
    AIs of it (``n`` is any digit). ``excludes``: none of these may be there. ``qualifiers``:
    where this AI is a primary key of a Digital Link, the ordered alternatives that may follow
    it; ``None`` where it is no key.
    """

    ai: str
    fixed: bool
    attribute: bool
    components: tuple[AiComponent, ...]
    requires: tuple[tuple[str, ...], ...]
    excludes: tuple[str, ...]
    qualifiers: tuple[tuple[str, ...], ...] | None

    @property
    def length_max(self) -> int:
        """The most characters that a value may have."""
        return sum(component.length_max for component in self.components)


def find_ai(text: str, start: int = 0) -> AiRule | None:
    """Return the rule of the AI that begins at ``start``, or ``None``: no AI begins another."""
    for size in (2, 3, 4):
        rule = AI_RULES.get(text[start : start + size])
        if rule is not None:
            return rule
    return None


def _rules(
    codes: str,
    form: str,
    *,
    fixed: bool = False,
    attribute: bool = True,
    requires: str = "",
    excludes: str = "",
    qualifiers: str | None = None,
) -> list[AiRule]:
    """Return the rules of all AIs that share one form."""
    return [
        AiRule(
            ai=ai,
            fixed=fixed,
            attribute=attribute,
            components=tuple(_component(text) for text in form.split()),
            requires=tuple(tuple(group.split("+")) for group in requires.split()),
            excludes=(f"{ai[:3]}n",) if excludes == _OWN_FAMILY else tuple(excludes.split()),
            qualifiers=None
            if qualifiers is None
            else tuple(tuple(path.split()) for path in qualifiers.split("|")),
        )
        for part in codes.split()
        for ai in _expand(part)
    ]


def _expand(part: str) -> list[str]:
    """Return the AIs of ``7230-7239``, or of ``310-316/5``: each family with last digits 0 to 5."""
    span, _, last = part.partition("/")
    first, _, end = span.partition("-")
    numbers = [str(number).zfill(len(first)) for number in range(int(first), int(end or first) + 1)]
    return [f"{n}{digit}" for n in numbers for digit in range(int(last) + 1)] if last else numbers


def _component(text: str) -> AiComponent:
    match = _COMPONENT.fullmatch(text)
    assert match is not None, text
    charset, least, most, linters, optional = match.groups()
    return AiComponent(
        charset=charset,
        length_min=int(least or most),
        length_max=int(most),
        optional=bool(optional),
        linters=tuple(linters.split(":")[1:]),
    )


_ITEM = "01 02 03 8006 8026"

_TABLE: Final = [
    *_rules("00", "N18:csum:gcppos2", fixed=True, qualifiers=""),
    *_rules("01", "N14:csum:gcppos2", fixed=True, excludes="255 37", qualifiers="22 10 21 | 235"),
    *_rules("02", "N14:csum:gcppos2", fixed=True, requires="37", excludes="01 03"),
    *_rules("03", "N14:csum:gcppos2", fixed=True, attribute=False, excludes="01 02 37 235"),
    *_rules("10", "X1-20", requires=_ITEM),
    *_rules("11 13 15-16", "N6:yymmd0", fixed=True, requires=_ITEM),
    *_rules("12", "N6:yymmd0", fixed=True, requires="8020"),
    *_rules("17", "N6:yymmd0", fixed=True, requires="01 02 03 255 8006 8026"),
    *_rules("20", "N2", fixed=True, requires=_ITEM),
    *_rules("21", "X1-20", attribute=False, requires="01 03 8006", excludes="235"),
    *_rules("22", "X1-20", attribute=False, requires="01"),
    *_rules("235", "X1-28", attribute=False, requires="01"),
    *_rules("240-241", "X1-30", requires=_ITEM),
    *_rules("242", "N1-6", requires="01 02 8006 8026"),
    *_rules("243", "X1-20", requires="01 03"),
    *_rules("250", "X1-30", requires="01+21 03+21 8006+21"),
    *_rules("251", "X1-30", requires="01 03 8006"),
    *_rules("253", "N13:csum:gcppos1 X1-17?", qualifiers=""),
    *_rules("254", "X1-20", attribute=False, requires="414"),
    *_rules("255", "N13:csum:gcppos1 N1-12?", excludes="01 02 415 8006 8020 8026", qualifiers=""),
    *_rules("30", "N1-8", requires="01 02"),
    *_rules(
        "310-316/5 320-329/5 350-352/5 356-357/5 360-361/5 364-366/5",
        "N6",
        fixed=True,
        requires="01 02",
        excludes="own family",
    ),
    *_rules(
        "330-336/5 340-349/5 353-355/5 362-363/5 367-369/5",
        "N6",
        fixed=True,
        requires="00 01",
        excludes="own family",
    ),
    *_rules("337/5", "N6", fixed=True, requires="01", excludes="own family"),
    *_rules("37", "N1-8", requires="00+02 00+8026"),
    *_rules("390/9", "N1-15", requires="255 8020", excludes="390n 391n 394n 8111"),
    *_rules("391/9", "N3:iso4217 N1-15", requires="8020", excludes="own family"),
    *_rules(
        "392/9", "N1-15", requires="01+30 01+31nn 01+32nn 01+35nn 01+36nn", excludes="392n 393n"
    ),
    *_rules("393/9", "N3:iso4217 N1-15", requires="30 31nn 32nn 35nn 36nn", excludes="own family"),
    *_rules("394/3", "N4", requires="255", excludes="394n 8111"),
    *_rules("395/5", "N6", requires="30 31nn 32nn 35nn 36nn", excludes="392n 393n 395n 8005"),
    *_rules("400 90", "X1-30"),
    *_rules("401", "X1-30:gcppos1", qualifiers=""),
    *_rules("402", "N17:csum:gcppos1", qualifiers=""),
    *_rules("403 4308 4319", "X1-30", requires="00"),
    *_rules("410-413 416", "N13:csum:gcppos1", fixed=True),
    *_rules("414", "N13:csum:gcppos1", fixed=True, qualifiers="254 | 7040"),
    *_rules("415", "N13:csum:gcppos1", fixed=True, requires="8020", qualifiers="8020"),
    *_rules("417", "N13:csum:gcppos1", fixed=True, qualifiers="7040"),
    *_rules("420", "X1-20", excludes="421"),
    *_rules("421", "N3:iso3166 X1-9", excludes="4307"),
    *_rules("422", "N3:iso3166", requires=_ITEM, excludes="426"),
    *_rules(
        "423 425",
        "N3:iso3166 N3:iso3166? N3:iso3166? N3:iso3166? N3:iso3166?",
        requires="01 02 03",
        excludes="426",
    ),
    *_rules("424", "N3:iso3166", requires="01 02 03", excludes="426"),
    *_rules("426", "N3:iso3166", requires="01 02 03"),
    *_rules("427", "X1-3", requires="01+422 02+422 03+422"),
    *_rules("4300-4301 4310-4311 4320", "X1-35:pcenc", requires="00"),
    *_rules("4302 4304-4306 4312 4314-4316", "X1-70:pcenc", requires="00"),
    *_rules("4303", "X1-70:pcenc", requires="4302"),
    *_rules("4307 4317", "X2:iso3166alpha2", requires="00"),
    *_rules("4309", "N10:latitude N10:longitude", requires="00"),
    *_rules("4313", "X1-70:pcenc", requires="4312"),
    *_rules("4318", "X1-20", requires="00"),
    *_rules("4321-4323", "N1:yesno", requires="00"),
    *_rules("4324-4325", "N6:yymmd0 N4:hhmi", requires="00"),
    *_rules("4326", "N6:yymmdd", requires="00"),
    *_rules("4330", "N6 X1:hyphen?", requires="00", excludes="4331"),
    *_rules("4331", "N6 X1:hyphen?", requires="00", excludes="4330"),
    *_rules("4332", "N6 X1:hyphen?", requires="00", excludes="4333"),
    *_rules("4333", "N6 X1:hyphen?", requires="00", excludes="4332"),
    *_rules("7001", "N13", requires="01 02 8006 8026"),
    *_rules("7002", "X1-30", requires="01 02"),
    *_rules("7003", "N6:yymmdd N4:hhmi", requires="01 02 03"),
    *_rules("7004", "N1-4", requires="01+10 03+10"),
    *_rules("7005", "X1-12", requires="01 02"),
    *_rules("7006", "N6:yymmdd", requires="01 02"),
    *_rules("7007", "N6:yymmdd N6:yymmdd?", requires="01 02"),
    *_rules("7008", "X1-3", requires="01 02"),
    *_rules("7009", "X1-10", requires="01 02"),
    *_rules("7010", "X1-2", requires="01 02 03"),
    *_rules("7011", "N6:yymmdd N4:hhmi?", requires="01 02 03"),
    *_rules("7020", "X1-20", requires="01+416 03+416 8006+416"),
    *_rules("7021 8012", "X1-20", requires="01 03 8006"),
    *_rules("7022", "X1-20", requires="01+7021 03+7021 8006+7021"),
    *_rules("7023", "X1-30:gcppos1"),
    *_rules("7030-7039", "N3:iso3166999 X1-27", requires="01 02"),
    *_rules("7040", "N1 X1 X1 X1:importeridx", attribute=False),
    *_rules("7041", "X1-4:packagetype", attribute=False, requires="00"),
    *_rules("710-717", "X1-20", requires="01"),
    *_rules("7230-7239", "X2 X1-28", requires="01 8004"),
    *_rules("7240", "X1-20", requires="01 8006", excludes="03"),
    *_rules("7241", "N2:mediatype", requires="8017 8018"),
    *_rules("7242", "X1-25", requires="8017 8018"),
    *_rules("7250", "N8:yyyymmdd", requires="8018", excludes="7251"),
    *_rules("7251", "N8:yyyymmdd N4:hhmi", requires="8018", excludes="7250"),
    *_rules("7252", "N1:iso5218", requires="8018"),
    *_rules("7253-7254", "X1-40:pcenc", requires="8017 8018", excludes="7256 7259"),
    *_rules("7255", "X1-10", requires="8017 8018", excludes="7256 7259"),
    *_rules("7256", "X1-90:pcenc", requires="8017 8018"),
    *_rules("7257", "X1-70:pcenc", requires="8018"),
    *_rules("7258", "X3:posinseqslash", requires="8018+7259"),
    *_rules("7259", "X1-40:pcenc", requires="8018", excludes="7256"),
    *_rules("8001", "N4:nonzero N5:nonzero N3:nonzero N1:winding N1", requires="01"),
    *_rules("8002", "X1-20"),
    *_rules("8003", "N1:zero N13:csum:gcppos1 X1-16?", qualifiers=""),
    *_rules("8004", "X1-30:gcppos1", qualifiers="7040"),
    *_rules("8005", "N6", requires="01 02"),
    *_rules("8006", "N14:csum:gcppos2 N4:pieceoftotal", excludes="01 03 37", qualifiers="22 10 21"),
    *_rules("8007", "X1-34:iban", requires="415"),
    *_rules("8008", "N6:yymmdd N2:hh N2:mi? N2:ss?", requires="01 02 03"),
    *_rules("8009", "X1-50", requires="00 01 03"),
    *_rules("8010", "Y1-30:gcppos1", qualifiers="8011"),
    *_rules("8011", "N1-12:nozeroprefix", attribute=False, requires="8010"),
    *_rules("8013", "X1-25:csumalpha:gcppos1", qualifiers=""),
    *_rules("8014", "X1-25:csumalpha:gcppos1:hasnondigit", attribute=False, requires="01"),
    *_rules("8017", "N18:csum:gcppos1", excludes="8018", qualifiers="8019"),
    *_rules("8018", "N18:csum:gcppos1", excludes="8017", qualifiers="8019"),
    *_rules("8019", "N1-10", attribute=False, requires="8017 8018"),
    *_rules("8020", "X1-25", attribute=False, requires="415"),
    *_rules("8026", "N14:csum:gcppos2 N4:pieceoftotal", requires="37", excludes="02 03 8006"),
    *_rules(
        "8030", "Z1-90", requires="00 01+21 03+21 253 255 8003 8004 8006+21 8010+8011 8017 8018"
    ),
    *_rules("8040", "N15", attribute=False, requires="01+21"),
    *_rules("8041", "N15", attribute=False, requires="01+21+8040"),
    *_rules("8042", "N32", attribute=False, requires="01+21+8040"),
    *_rules("8043", "N18 N1-2?", attribute=False, requires="01+21+8040"),
    *_rules("8110", "X1-70:couponcode"),
    *_rules("8111", "N4", requires="255"),
    *_rules("8112", "X1-70:couponposoffer"),
    *_rules("8200", "X1-70", attribute=False, requires="01"),
    *_rules("91-99", "X1-90"),
]

AI_RULES: Final = {rule.ai: rule for rule in _TABLE}
