"""The words of GS1's Core Business Vocabulary 2.0, and their three spellings.

A word is written bare (``shipping``), as a web URI (``https://ref.gs1.org/cbv/BizStep-shipping``)
or as a URN (``urn:epcglobal:cbv:bizstep:shipping``); we keep the bare one. The prefix ``cbv:`` of
the standard JSON-LD context stands for the web address. Other URIs are words of somebody else
and stay as they are.
"""

import re
from enum import StrEnum
from typing import Final

from foundation.core.problem import BadInputError

WEB_BASE: Final = "https://ref.gs1.org/cbv/"
_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!#-;=?-\[\]_a-z~]+")


class CbvError(BadInputError):
    """The word is neither in the vocabulary nor a URI of somebody else's."""

    slug = "cbv"
    title = "This word is not in the Core Business Vocabulary"


class BizStep(StrEnum):
    """What was being done (CBV 2.0 section 7.1)."""

    ACCEPTING = "accepting"
    ARRIVING = "arriving"
    ASSEMBLING = "assembling"
    COLLECTING = "collecting"
    COMMISSIONING = "commissioning"
    CONSIGNING = "consigning"
    CREATING_CLASS_INSTANCE = "creating_class_instance"
    CYCLE_COUNTING = "cycle_counting"
    DECOMMISSIONING = "decommissioning"
    DEPARTING = "departing"
    DESTROYING = "destroying"
    DISASSEMBLING = "disassembling"
    DISPENSING = "dispensing"
    ENCODING = "encoding"
    ENTERING_EXITING = "entering_exiting"
    HOLDING = "holding"
    INSPECTING = "inspecting"
    INSTALLING = "installing"
    KILLING = "killing"
    LOADING = "loading"
    OTHER = "other"
    PACKING = "packing"
    PICKING = "picking"
    RECEIVING = "receiving"
    REMOVING = "removing"
    REPACKAGING = "repackaging"
    REPAIRING = "repairing"
    REPLACING = "replacing"
    RESERVING = "reserving"
    RETAIL_SELLING = "retail_selling"
    SAMPLING = "sampling"
    SENSOR_REPORTING = "sensor_reporting"
    SHIPPING = "shipping"
    STAGING_OUTBOUND = "staging_outbound"
    STOCK_TAKING = "stock_taking"
    STOCKING = "stocking"
    STORING = "storing"
    TRANSPORTING = "transporting"
    UNLOADING = "unloading"
    UNPACKING = "unpacking"
    VOID_SHIPPING = "void_shipping"


class Disposition(StrEnum):
    """The state that a thing is in afterwards (CBV 2.0 section 7.2)."""

    ACTIVE = "active"
    AVAILABLE = "available"
    COMPLETENESS_INFERRED = "completeness_inferred"
    COMPLETENESS_VERIFIED = "completeness_verified"
    CONFORMANT = "conformant"
    CONTAINER_CLOSED = "container_closed"
    CONTAINER_OPEN = "container_open"
    DAMAGED = "damaged"
    DESTROYED = "destroyed"
    DISPENSED = "dispensed"
    DISPOSED = "disposed"
    ENCODED = "encoded"
    EXPIRED = "expired"
    IN_PROGRESS = "in_progress"
    IN_TRANSIT = "in_transit"
    INACTIVE = "inactive"
    MISMATCH_CLASS = "mismatch_class"
    MISMATCH_INSTANCE = "mismatch_instance"
    MISMATCH_QUANTITY = "mismatch_quantity"
    NEEDS_REPLACEMENT = "needs_replacement"
    NO_PEDIGREE_MATCH = "no_pedigree_match"
    NON_CONFORMANT = "non_conformant"
    NON_SELLABLE_OTHER = "non_sellable_other"
    PARTIALLY_DISPENSED = "partially_dispensed"
    RECALLED = "recalled"
    RESERVED = "reserved"
    RETAIL_SOLD = "retail_sold"
    RETURNED = "returned"
    SELLABLE_ACCESSIBLE = "sellable_accessible"
    SELLABLE_NOT_ACCESSIBLE = "sellable_not_accessible"
    STOLEN = "stolen"
    UNAVAILABLE = "unavailable"
    UNKNOWN = "unknown"


class BizTransactionType(StrEnum):
    """The kind of a business document (CBV 2.0 section 7.3)."""

    BOL = "bol"
    CERT = "cert"
    DESADV = "desadv"
    INV = "inv"
    PEDIGREE = "pedigree"
    PO = "po"
    POC = "poc"
    PRODORDER = "prodorder"
    RECADV = "recadv"
    RMA = "rma"
    TESTPRD = "testprd"
    TESTRES = "testres"
    UPEVT = "upevt"


class SourceDestType(StrEnum):
    """What a source or destination says of a party or place (CBV 2.0 section 7.4)."""

    LOCATION = "location"
    OWNING_PARTY = "owning_party"
    POSSESSING_PARTY = "possessing_party"


class ErrorReason(StrEnum):
    """Why an event was declared wrong (CBV 2.0 section 7.5)."""

    DID_NOT_OCCUR = "did_not_occur"
    INCORRECT_DATA = "incorrect_data"


# Each vocabulary: the enumeration, its mark in web URIs and its name in URNs.
_VOCABULARIES: Final[dict[type[StrEnum], tuple[str, str]]] = {
    BizStep: ("BizStep-", "bizstep"),
    Disposition: ("Disp-", "disp"),
    BizTransactionType: ("BTT-", "btt"),
    SourceDestType: ("SDT-", "sdt"),
    ErrorReason: ("ER-", "er"),
}
_WORDS: Final = {
    vocabulary: frozenset(word.value for word in vocabulary) for vocabulary in _VOCABULARIES
}


def parse_word(text: str, vocabulary: type[StrEnum]) -> str:
    """Return the bare word of ``vocabulary``, or somebody else's URI unchanged.

    Raise ``CbvError`` for everything else: also for GS1's own addresses with an unknown word.
    """
    mark, name = _VOCABULARIES[vocabulary]
    prefixes = (f"{WEB_BASE}{mark}", f"cbv:{mark}", f"urn:epcglobal:cbv:{name}:")
    word = next((text[len(prefix) :] for prefix in prefixes if text.startswith(prefix)), text)
    if word in _WORDS[vocabulary]:
        return word
    if not _URI.fullmatch(text) or text.startswith((WEB_BASE, "cbv:", "urn:epcglobal:cbv:")):
        raise CbvError(f"{text[:100]!r} is no word of {vocabulary.__name__}")
    return text


def format_word_web(word: str, vocabulary: type[StrEnum]) -> str:
    """Return the web URI of a bare word; a URI stays as it is."""
    return word if ":" in word else WEB_BASE + _VOCABULARIES[vocabulary][0] + word


def format_word_urn(word: str, vocabulary: type[StrEnum]) -> str:
    """Return the URN of a bare word; a URI stays as it is."""
    return word if ":" in word else f"urn:epcglobal:cbv:{_VOCABULARIES[vocabulary][1]}:{word}"
