"""The words of the Core Business Vocabulary in their three spellings."""

import json
from enum import StrEnum

import pytest

from provenance.core.cbv import (
    BizStep,
    BizTransactionType,
    CbvError,
    Disposition,
    ErrorReason,
    SourceDestType,
    format_word_urn,
    format_word_web,
    parse_word,
)
from tests.vectors_at import shared_vectors

VOCABULARIES: dict[str, type[StrEnum]] = {
    "bizStep": BizStep,
    "disposition": Disposition,
    "bizTransaction-type": BizTransactionType,
    "source-dest-type": SourceDestType,
    "error-reason": ErrorReason,
}


def test_our_words_are_those_of_the_published_schema() -> None:
    path = shared_vectors("gs1/epcis2-json/EPCIS-JSON-Schema.json")
    definitions = json.loads(path.read_text("utf-8"))["definitions"]
    for name, vocabulary in VOCABULARIES.items():
        assert set(vocabulary) == set(definitions[name]["anyOf"][1]["enum"])
    assert [len(vocabulary) for vocabulary in VOCABULARIES.values()] == [41, 33, 13, 3, 2]


@pytest.mark.parametrize("vocabulary", list(VOCABULARIES.values()))
def test_every_word_comes_back_from_every_spelling(vocabulary: type[StrEnum]) -> None:
    for word in vocabulary:
        web = format_word_web(word, vocabulary)
        assert web.startswith("https://ref.gs1.org/cbv/")
        for text in (
            word.value,
            web,
            web.replace("https://ref.gs1.org/cbv/", "cbv:"),
            format_word_urn(word, vocabulary),
        ):
            assert parse_word(text, vocabulary) == word.value


def test_the_spellings_are_those_of_the_standard() -> None:
    assert format_word_web("shipping", BizStep) == "https://ref.gs1.org/cbv/BizStep-shipping"
    assert format_word_urn("recalled", Disposition) == "urn:epcglobal:cbv:disp:recalled"


def test_a_word_of_somebody_else_stays_as_it_is() -> None:
    text = "https://example.com/step#compounding"
    assert parse_word(text, BizStep) == text
    assert format_word_web(text, BizStep) == format_word_urn(text, BizStep) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "transforming",
        "Shipping",
        "no uri",
        "cbv:BizStep-x",
        "cbv:Disp-active",
        "https://ref.gs1.org/cbv/BizStep-transforming",
        "urn:epcglobal:cbv:bizstep:transforming",
        "cbv:BizStep-https://example.com/x",
        "a:\ud800",
        "a:\x00",
    ],
)
def test_a_word_that_nobody_defined_is_refused(text: str) -> None:
    with pytest.raises(CbvError):
        parse_word(text, BizStep)
