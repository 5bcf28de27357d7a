"""Identifiers of things, places and parties: EPC URN and GS1 Digital Link, one value.

An identifier is what its application identifiers say, ``(("01", gtin), ("21", serial))``; URN
(EPC Tag Data Standard 6.3) and Digital Link URI (GS1 Digital Link 1.1) are two views of it. The
canonical view, by which a serial is found everywhere, is the Digital Link of the finest identity
at ``https://id.gs1.org``, without query. A URI of another kind stands for itself.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import quote, unquote

from foundation.core.problem import BadInputError
from provenance.core.gs1 import ElementString, GS1Error, build_element_string
from provenance.core.gs1_linters import check_digit
from provenance.core.gs1_table import AI_RULES

Pairs = tuple[tuple[str, str], ...]

CANONICAL_HOST: Final = "https://id.gs1.org"
URI_LENGTH_MAX: Final = 500  # what the tables hold
_GCP_LENGTHS: Final = range(6, 13)
_SCHEMES_READ: Final = ("http://", "https://", "urn:")
# Symbols that hold no GS1 data but may hold a Digital Link (ISO/IEC 15424).
_LINK_CARRIERS: Final = ("]d1", "]J0", "]Q1")
# RFC 3986 section 2, after a scheme: no space, no control, nothing beyond ASCII.
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!#-;=?-\[\]_a-z~]+")
_WEB = re.compile(r"(?:https?|HTTPS?)://[^/?#]+(/[^?#]*)?(?:\?[^#]*)?(?:#.*)?")
_URN = re.compile(r"urn:epc:(id|class|idpat):([a-z]+):(.*)", re.DOTALL)
_ESCAPED = re.compile("%([0-9A-Fa-f]{2})")
# TDS 6.3.1: these cannot stand in a URN as they are (# occurs in part numbers only).
_TO_ESCAPE = re.compile('["#%&/<>?]')


class EpcError(BadInputError):
    """The text is no identifier that can be taken, or cannot be put into the form asked for.

    ``type`` is stable: uri, urn, digital_link, no_key, gcp_length_needed, no_urn, or that of the
    ``GS1Error`` of a value.
    """

    slug = "epc"
    title = "The identifier cannot be read"

    def __init__(self, type_: str, detail: str) -> None:
        """Keep the type and what is wrong."""
        super().__init__(detail, fault=type_)
        self.type = type_


class EpcKind(StrEnum):
    """What an identifier stands for: one thing, a class or lot of things, or we cannot tell."""

    INSTANCE = "instance"
    CLASS = "class"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Epc:
    """An identifier: its canonical URI, and its application identifiers (none for other URIs)."""

    uri: str
    kind: EpcKind
    pairs: Pairs = ()

    def get(self, ai: str) -> str | None:
        """Return the value of ``ai``, or ``None``."""
        return next((value for code, value in self.pairs if code == ai), None)

    @property
    def gtin(self) -> str | None:
        """The GTIN, 14 digits."""
        return self.get("01")

    @property
    def serial(self) -> str | None:
        """The serial number that goes with the GTIN."""
        return self.get("21")

    @property
    def lot(self) -> str | None:
        """The lot number that goes with the GTIN."""
        return self.get("10")

    @property
    def sscc(self) -> str | None:
        """The number of a logistic unit, 18 digits."""
        return self.get("00")

    @property
    def gln(self) -> str | None:
        """The number of a place (AI 414) or a party (AI 417), 13 digits."""
        return self.get("414") or self.get("417")


@dataclass(frozen=True, slots=True)
class _Scheme:
    """How one URN scheme writes one key.

    ``digits``: how many come before the check digit, 0 for a free reference. ``moved``: the
    first of them is written behind the company prefix. ``lead``: what the key begins with.
    ``serial``: the AI of the serial, ``""`` where it ends the key itself, ``None`` without one.
    ``form``: how an instance, and how a class is written (``None``: there is no such thing).
    """

    name: str
    ai: str
    digits: int
    serial: str | None = None
    moved: bool = False
    lead: str = ""
    form: str = "id"
    class_form: str | None = None


_SCHEMES: Final = (
    _Scheme("sgtin", "01", 13, "21", moved=True, class_form="idpat"),
    _Scheme("lgtin", "01", 13, "10", moved=True, form="class"),
    _Scheme("upui", "01", 13, "235", moved=True),
    _Scheme("itip", "8006", 13, "21", moved=True, class_form="idpat"),
    _Scheme("sscc", "00", 17, moved=True),
    _Scheme("sgln", "414", 12, "254"),
    _Scheme("pgln", "417", 12),
    _Scheme("grai", "8003", 12, "", lead="0", class_form="idpat"),
    _Scheme("gdti", "253", 12, "", class_form="idpat"),
    _Scheme("sgcn", "255", 12, "", class_form="idpat"),
    _Scheme("giai", "8004", 0),
    _Scheme("ginc", "401", 0),
    _Scheme("gsrn", "8018", 17),
    _Scheme("gsrnp", "8017", 17),
    _Scheme("gsin", "402", 16),
    _Scheme("cpi", "8010", 0, "8011", class_form="idpat"),
)
_BY_NAME: Final = {scheme.name: scheme for scheme in _SCHEMES}
# Keys without a serial that name a class; with one, and all other keys, an instance.
_CLASS_KEYS: Final = {"01": 0, "8006": 0, "8010": 0, "8003": 14, "253": 13, "255": 13}
# Keys of what may carry a symbol. A logistic unit comes first: its label may name its content.
_CARRIED_KEYS: Final = (
    *("00", "01", "8006", "8010", "8003", "8004"),
    *("253", "255", "8017", "8018", "414", "417"),
)
# Qualifiers that make an identity finer, best first; a variant (22) or service number (8019) and
# the lot of a serialised item do not (CBV 2.0 section 8.9.2).
_FINEST: Final = ("21", "235", "10", "8011", "254")


def canonical_epc(text: str) -> str:
    """Return the canonical URI of an identifier: the key of a serial everywhere.

    Raise ``EpcError``.
    """
    return parse_epc(text).uri


def parse_epc(text: str) -> Epc:
    """Return the identifier in a URN, a Digital Link or another URI, its values checked.

    Raise ``EpcError`` for what is no URI, and for a GS1 identifier that does not check.
    """
    if len(text) > URI_LENGTH_MAX:
        raise EpcError("uri", f"a URI has at most {URI_LENGTH_MAX} characters here")
    pairs: Pairs | None = None
    if text[:8].lower() == "urn:epc:":
        pairs = parse_urn("urn:epc:" + text[8:])
    elif text[:4].lower() == "http":
        pairs = parse_digital_link(text)
    if pairs is not None:
        return build_epc(pairs)
    if not _URI.fullmatch(text):
        raise EpcError("uri", "this is no URI")
    return Epc(uri=text, kind=EpcKind.OTHER)


def build_epc(pairs: Pairs) -> Epc:
    """Return the identifier that these values make, at the finest level they allow.

    Raise ``EpcError`` where one does not check, or the first is no primary key.
    """
    try:
        build_element_string(pairs)
    except GS1Error as error:
        raise EpcError(error.type, error.detail) from error
    if not pairs or AI_RULES[pairs[0][0]].qualifiers is None:
        raise EpcError("digital_link", "an identifier begins with a primary key")
    key, *qualifiers = pairs
    named = dict(qualifiers)
    finest = next(((ai, named[ai]) for ai in _FINEST if ai in named), None)
    fine = (key, finest) if finest else (key,)
    return Epc(uri=format_digital_link(fine), kind=_kind(fine), pairs=fine)


def find_uri(scan: str) -> str | None:
    """Return the URI that was scanned, less its symbol's identifier; ``None`` where there is none.

    What it identifies, if anything, ``parse_epc`` says.
    """
    text = scan[3:] if scan.startswith(_LINK_CARRIERS) else scan
    return text if text.lower().startswith(_SCHEMES_READ) else None


def identify(scan: ElementString) -> Epc:
    """Return the identifier of the thing that carries this symbol, at the finest level.

    Raise ``EpcError`` where the symbol holds no key: nothing is identified then.
    """
    for key in _CARRIED_KEYS:
        value = scan.get(key)
        if value is not None:
            allowed = {ai for path in AI_RULES[key].qualifiers or () for ai in path}
            return build_epc(
                ((key, value), *((ai, text) for ai, text in scan.pairs if ai in allowed))
            )
    raise EpcError("no_key", "the symbol holds no key of a thing: scan its other symbol too")


def _kind(pairs: Pairs) -> EpcKind:
    key, value = pairs[0]
    length = _CLASS_KEYS.get(key)
    if length is None or any(ai in {"21", "235", "8011"} for ai, _ in pairs):
        return EpcKind.INSTANCE
    return EpcKind.INSTANCE if length and len(value) > length else EpcKind.CLASS


def parse_urn(text: str, *, raw: bool = False) -> Pairs | None:
    """Return the application identifiers of an EPC URN; ``None`` for a scheme without any.

    Check digits are computed, values are not checked. ``raw`` takes ``%`` for itself. Raise
    ``EpcError`` where the parts have the wrong form.
    """
    match = _URN.fullmatch(text)
    if match is None:
        raise EpcError("urn", "this is no EPC URN")
    form, name, rest = match.groups()
    scheme = _BY_NAME.get(name)
    if scheme is None:
        return None
    if form not in {scheme.form, scheme.class_form}:
        raise EpcError("urn", f"there is no {name} of the form {form}")
    has_serial = scheme.serial is not None
    pieces = 2 if name == "itip" else 0
    parts = rest.split(".", 1 + has_serial + pieces)
    if len(parts) != 2 + has_serial + pieces:
        raise EpcError("urn", f"a {name} has more parts than this")
    gcp, reference, *tail = parts
    key = _key(scheme, gcp, reference if raw or scheme.digits else _unescape(reference))
    key += "".join(tail[:pieces])
    if not has_serial:
        return ((scheme.ai, key),)
    serial = tail[-1] if raw else _unescape(tail[-1])
    return _with_serial(scheme, form, key, serial)


def _key(scheme: _Scheme, gcp: str, reference: str) -> str:
    """Return the value of the key AI, its check digit added."""
    if not (_is_digits(gcp) and len(gcp) in _GCP_LENGTHS):
        raise EpcError("urn", "a GS1 company prefix has 6 to 12 digits")
    if not scheme.digits:
        return gcp + reference
    digits = reference[:1] + gcp + reference[1:] if scheme.moved else gcp + reference
    if not (_is_digits(digits) and len(digits) == scheme.digits):
        raise EpcError("urn", f"prefix and reference of {scheme.name} have {scheme.digits} digits")
    return scheme.lead + digits + check_digit(digits)


def _with_serial(scheme: _Scheme, form: str, key: str, serial: str) -> Pairs:
    if form == scheme.class_form:
        if serial != "*":
            raise EpcError("urn", "the serial of a class is written *")
        return ((scheme.ai, key),)
    if not serial:
        raise EpcError("urn", "the serial is empty")
    if scheme.serial == "":
        return ((scheme.ai, key + serial),)
    # TDS 6.3.3: the extension 0 means that there is none.
    if scheme.name == "sgln" and serial == "0":
        return ((scheme.ai, key),)
    return ((scheme.ai, key), (str(scheme.serial), serial))


def format_urn(pairs: Pairs, *, gcp_length: int | None, raw: bool = False) -> str:
    """Return the EPC URN of an identifier.

    The length of its company prefix cannot be seen in an identifier: raise ``EpcError`` without
    it, and where there is no URN for these identifiers. ``raw`` escapes nothing.
    """
    (ai, value), *rest = pairs
    scheme = _scheme_of(ai, [code for code, _ in rest])
    if gcp_length not in _GCP_LENGTHS:
        raise EpcError("gcp_length_needed", "a URN needs the length of its company prefix, 6 to 12")
    escape = (lambda text: text) if raw else _escape
    body = value[len(scheme.lead) :]
    if not scheme.digits:
        parts = [body[:gcp_length], escape(body[gcp_length:])]
        inline = ""
    else:
        digits, inline = body[: scheme.digits], body[scheme.digits + 1 :]
        lead, digits = (digits[:1], digits[1:]) if scheme.moved else ("", digits)
        parts = [digits[:gcp_length], lead + digits[gcp_length:]]
    if scheme.name == "itip":
        parts += [inline[:2], inline[2:]]
        inline = ""
    serial = rest[0][1] if rest else inline
    if scheme.serial is None:
        return f"urn:epc:{scheme.form}:{scheme.name}:{'.'.join(parts)}"
    if serial:
        return f"urn:epc:{scheme.form}:{scheme.name}:{'.'.join([*parts, escape(serial)])}"
    end, form = ("0", "id") if scheme.name == "sgln" else ("*", scheme.class_form)
    return f"urn:epc:{form}:{scheme.name}:{'.'.join([*parts, end])}"


def _scheme_of(ai: str, qualifiers: Sequence[str]) -> _Scheme:
    """Return the scheme for a key and its qualifiers; the first that fits an unqualified one."""
    for scheme in _SCHEMES:
        if scheme.ai == ai and (not qualifiers or [scheme.serial] == list(qualifiers)):
            return scheme
    raise EpcError("no_urn", f"there is no URN for ({ai}) with {list(qualifiers)}")


def parse_digital_link(text: str, *, raw: bool = False) -> Pairs | None:
    """Return key and qualifiers in the path of a Digital Link; ``None`` where it holds no key.

    Query and fragment do not identify. Values are not checked. ``raw`` takes the text as it is,
    nothing of it percent-encoded. Raise ``EpcError`` where qualifiers do not fit their key.
    """
    if raw:
        return _parse_raw_link(text)
    match = _WEB.fullmatch(text)
    segments = (match[1] or "").split("/")[1:] if match else []
    # The rightmost key wins: what stands before it is the host's own path.
    for at in range(len(segments) - 2, -1, -2):
        rule = AI_RULES.get(segments[at])
        if rule is not None and rule.qualifiers is not None:
            found = segments[at:]
            pairs = tuple(
                (code, unquote(value)) for code, value in zip(found[::2], found[1::2], strict=True)
            )
            _check_order([code for code, _ in pairs[1:]], rule.qualifiers)
            if any("\x00" in value or not value for _, value in pairs):
                raise EpcError("digital_link", "a segment of the path is empty or NUL")
            return pairs
    return None


def _check_order(found: Sequence[str], allowed: Sequence[Sequence[str]]) -> None:
    for path in allowed:
        rest = iter(path)
        if all(code in rest for code in found):
            return
    raise EpcError("digital_link", f"qualifiers {list(found)} do not fit their key, or its order")


def _parse_raw_link(text: str) -> Pairs | None:
    """Read a link whose values hold ``/``, ``?`` and ``#`` as themselves."""
    for scheme in _SCHEMES:
        key = f"[0-9]{{{scheme.digits + 1}}}" if scheme.digits else ".+?"
        key += "[0-9]{4}" if scheme.name == "itip" else ""
        key = scheme.lead + key + (".*" if scheme.serial == "" else "")
        tail = f"(?:/{scheme.serial}/(.+))?" if scheme.serial else "()"
        match = re.search(f"/{scheme.ai}/({key}){tail}$", text, re.DOTALL)
        if match:
            found: Pairs = ((scheme.ai, match[1]),)
            return (*found, (str(scheme.serial), match[2])) if match[2] else found
    return None


def format_digital_link(pairs: Pairs, *, raw: bool = False) -> str:
    """Return the Digital Link at ``https://id.gs1.org``: key, then qualifiers, as they come."""
    return CANONICAL_HOST + "".join(
        f"/{ai}/{value if raw else quote(value, safe='')}" for ai, value in pairs
    )


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _unescape(text: str) -> str:
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)


def _escape(text: str) -> str:
    return _TO_ESCAPE.sub(lambda match: f"%{ord(match[0]):02X}", text)
