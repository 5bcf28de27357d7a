"""Identifiers of organisations and people, checked to the last digit; one spelling is kept.

Bad input raises ``IdentifierError``: a wrong digit is found here, before anything is looked up
or written.
"""

import re

from foundation.core.problem import BadInputError

EMAIL_LENGTH_MAX = 254  # RFC 5321 section 4.5.3.1.3: a path of 256 with its angle brackets
_GLN = re.compile("[0-9]{13}")
_NPI = re.compile("[12][0-9]{9}")
_LICENCE = re.compile(r"[!-~](?:[ -~]{0,62}[!-~])?")
_EMAIL = re.compile(r"[^\s@\x00-\x1f\x7f\ud800-\udfff]+@[^\s@\x00-\x1f\x7f\ud800-\udfff]+")
# An NPI is the end of a card number that begins so: 80 for health, 840 for the United States
# (45 CFR 162.406; CMS, "Requirements for National Provider Identifier and NPI check digit").
_NPI_PREFIX = "80840"


class IdentifierError(BadInputError):
    """The text is none of the identifiers it should be; the message says what is wrong."""

    slug = "bad-identifier"
    title = "The identifier is not valid"


def parse_gln(text: str) -> str:
    """Return a GLN of 13 digits whose last is right (GS1 General Specifications 7.9)."""
    if not _GLN.fullmatch(text):
        raise IdentifierError(f"a GLN has 13 digits: {text[:40]!a}")
    _check_digit("GLN", text, _mod_10(text[:-1]))
    return text


def parse_npi(text: str) -> str:
    """Return an NPI of 10 digits, the first 1 or 2, whose last is right under 80840."""
    if not _NPI.fullmatch(text):
        raise IdentifierError(f"an NPI has 10 digits and begins with 1 or 2: {text[:40]!a}")
    _check_digit("NPI", text, _luhn(_NPI_PREFIX + text[:-1]))
    return text


def parse_licence(text: str) -> str:
    """Return a licence number: 1 to 64 printable ASCII characters, no space at either end."""
    if not _LICENCE.fullmatch(text):
        raise IdentifierError(
            f"a licence number has 1 to 64 printable ASCII characters: {text[:40]!a}"
        )
    return text


def parse_email(text: str) -> str:
    """Return an e-mail address as we keep it: in lower case, so that one mailbox logs in once.

    Whether the mailbox exists is not asked here. The message leaves the address out: it is a
    person's.
    """
    email = text.strip().lower()
    if len(email) > EMAIL_LENGTH_MAX or not _EMAIL.fullmatch(email):
        raise IdentifierError(f"no e-mail address of at most {EMAIL_LENGTH_MAX} characters")
    return email


def _check_digit(name: str, text: str, right: int) -> None:
    if text[-1] != str(right):
        raise IdentifierError(f"{name} {text} ends in {text[-1]}; its check digit is {right}")


def _mod_10(digits: str) -> int:
    """Return GS1's check digit: weights 3 and 1 from the right (General Specifications 7.9.1)."""
    weighted = (int(digit) * (3, 1)[k % 2] for k, digit in enumerate(reversed(digits)))
    return -sum(weighted) % 10


def _luhn(digits: str) -> int:
    """Return the check digit of ISO/IEC 7812-1 annex B: every second digit counts double."""
    doubled = (int(digit) * (2, 1)[k % 2] for k, digit in enumerate(reversed(digits)))
    return -sum(value // 10 + value % 10 for value in doubled) % 10
