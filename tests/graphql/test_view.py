"""``/graphql/`` as HTTP: what is read, what is refused, and in which form."""

import sys
from types import FrameType
from typing import Any

import orjson
import pytest
from django.test import Client
from graphql import get_introspection_query

from config.schema import SCHEMA
from foundation.core.actor import Role
from foundation.graphql import view as view_module
from foundation.graphql.running import QueryContext, read_request, run
from tests.accounts.conftest import World
from tests.graphql.conftest import Asker, person, system

ME = "{me{kind}}"


@pytest.fixture
def asker(world: World) -> Asker:
    return system(world, world.admit())


def problem(answer: Any) -> tuple[int, str]:
    assert answer["Content-Type"] == "application/problem+json", answer.content
    return answer.status_code, answer.json()["type"].rpartition(":")[2]


def test_a_query_is_answered_and_never_stored_on_the_way(asker: Asker) -> None:
    answer = asker.post({"query": ME})
    assert answer.status_code == 200
    assert answer.json() == {"data": {"me": {"kind": "organisation"}}}
    assert answer["Content-Type"] == "application/json"
    assert answer["Cache-Control"] == "no-store"


def test_the_drafts_media_type_is_given_to_who_asks_for_it(asker: Asker) -> None:
    answer = asker.post({"query": ME}, Accept="application/graphql-response+json")
    assert answer["Content-Type"] == "application/graphql-response+json"
    assert problem(asker.post({"query": ME}, Accept="text/csv")) == (406, "not-acceptable")


def test_nobody_is_answered_unasked(world: World) -> None:
    del world
    assert problem(Asker(Client()).post({"query": ME})) == (401, "unauthenticated")
    bad = Asker(Client(headers={"Authorization": "Bearer thk_no"}))
    assert problem(bad.post({"query": ME})) == (401, "unauthenticated")


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_other_methods_are_refused(asker: Asker, method: str) -> None:
    answer = getattr(asker.client, method)("/graphql/")
    assert problem(answer) == (405, "method-not-allowed")
    assert answer["Allow"] == "POST, OPTIONS"


def test_get_is_refused_for_systems_and_people_who_are_no_staff(world: World, asker: Asker) -> None:
    for client in (asker.client, person(world, world.admit(), Role.ADMIN).client):
        answer = client.get("/graphql/", {"query": ME})
        assert problem(answer) == (405, "method-not-allowed")
        assert answer["Allow"] == "POST, OPTIONS"


@pytest.mark.parametrize(
    "media",
    [
        "application/graphql",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
    ],
)
def test_other_media_types_are_refused(asker: Asker, media: str) -> None:
    answer = asker.post(orjson.dumps({"query": ME}), media)
    assert problem(answer) == (415, "unsupported-media-type")


@pytest.mark.parametrize(
    ("body", "slug"),
    [
        (b"", "bad-input"),
        (b"[]", "bad-input"),
        (b'[{"query":"{me{kind}}"}]', "bad-input"),
        (b"{}", "bad-input"),
        (b'{"query":1}', "bad-input"),
        (b'{"query":"{me{kind}}","queryy":1}', "bad-input"),
        (b'{"query":"{me{kind}}","variables":[]}', "bad-input"),
        (b'{"query":"{me{kind}}","operationName":1}', "bad-input"),
        (b'{"query":"{me{kind}}","query":"{me{kind}}"}', "malformed-json"),
        (b'{"query":"{me{kind}}","variables":{"a":NaN}}', "malformed-json"),
        (b'{"query":"{me{kind}}","variables":{"a":"\\u0000"}}', "malformed-json"),
        (b'{"query":"{me{kind}}","variables":{"a":"\\ud800"}}', "malformed-json"),
        (b'{"query":"{me{kind}}","variables":{"a":' + b"[" * 50_000, "malformed-json"),
        (b'{"query":"{me{kind}}","variables":{"a":' + b"9" * 5_000 + b"}}", "malformed-json"),
        (b"{", "malformed-json"),
        (b"\xff", "malformed-json"),
    ],
)
def test_what_is_no_request_gets_problem_details(asker: Asker, body: bytes, slug: str) -> None:
    assert problem(asker.post(body)) == (400, slug)


def test_a_large_body_is_not_read(asker: Asker) -> None:
    body = {"query": ME, "variables": {"a": "x" * 70_000}}
    assert problem(asker.post(body)) == (413, "too-large")


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        ({"query": ""}, "BAD_QUERY", "Unexpected"),
        ({"query": "{"}, "BAD_QUERY", "Expected Name"),
        ({"query": "#" * 10_001}, "BAD_QUERY", "10000"),
        ({"query": "#\n" * 51 + ME}, "BAD_QUERY", "50"),
        ({"query": "{" + "a " * 1_000 + "}"}, "BAD_QUERY", "1000"),
        ({"query": "{" * 600}, "BAD_QUERY", ""),
        ({"query": "{nothing}"}, "BAD_QUERY", "Cannot query field 'nothing' on type 'Query'."),
        ({"query": "{me}"}, "BAD_QUERY", "must have a selection"),
        ({"query": "{organisation(id:7){name}}"}, "BAD_QUERY", "this value does not fit"),
        ({"query": '{proof(entryId:"no"){kind}}'}, "BAD_QUERY", "this value does not fit"),
        ({"query": '{pack(scan:"\\u0000"){epc}}'}, "BAD_QUERY", "NUL"),
        ({"query": "mutation{me{kind}}"}, "BAD_QUERY", "queries only"),
        ({"query": "subscription{me{kind}}"}, "BAD_QUERY", "queries only"),
        ({"query": "type A{b:C}"}, "BAD_QUERY", "operationName"),
        ({"query": "query A{me{kind}} query B{me{kind}}"}, "BAD_QUERY", "operationName"),
        ({"query": ME, "operationName": "A"}, "BAD_QUERY", "operationName"),
        ({"query": ME, "variables": {"a": 1}}, "BAD_QUERY", 'there is no variable "a"'),
        (
            {
                "query": "query($a:UUID){organisation(id:$a){name}}",
                "variables": {"a": "Zqxwv Canary"},
            },
            "BAD_QUERY",
            "the variable $a does not fit its type",
        ),
        ({"query": "query($a:UUID!){organisation(id:$a){name}}"}, "BAD_QUERY", "$a"),
        ({"query": "{members{edges{node{" + "id " * 300 + "}}}}"}, "QUERY_TOO_HEAVY", "fields"),
        (
            {
                "query": "query($n:Int){members(first:$n){edges{node{id}}}}",
                "variables": {"n": 10**12},
            },
            "BAD_QUERY",
            "$n",
        ),
        ({"query": get_introspection_query()}, "BAD_QUERY", "introspection"),
        ({"query": '{__type(name:"Query"){name}}'}, "BAD_QUERY", "introspection"),
        ({"query": "{_:__schema{types{name}}}"}, "BAD_QUERY", "introspection"),
    ],
)
def test_a_query_that_cannot_run_is_refused_in_graphqls_form(
    asker: Asker, body: dict[str, Any], code: str, said: str
) -> None:
    answer = asker.post(body)
    assert answer.status_code == 400, answer.content
    value = answer.json()
    assert set(value) == {"errors"}
    assert {error["extensions"]["code"] for error in value["errors"]} == {code}
    assert said in value["errors"][0]["message"]
    assert b"Canary" not in answer.content
    assert b"Traceback" not in answer.content
    assert len(value["errors"]) <= 11


def test_one_operation_of_several_is_chosen_by_its_name(asker: Asker) -> None:
    query = "query A{me{kind}} query B{checkpoint{size}}"
    answer = asker.post({"query": query, "operationName": "A", "extensions": {}}).json()
    assert answer == {"data": {"me": {"kind": "organisation"}}}


def test_everybody_may_ask_for_the_name_of_a_type(asker: Asker) -> None:
    assert asker.data("{me{__typename}}") == {"me": {"__typename": "Me"}}


def test_suggestions_and_the_schema_are_for_staff(world: World, asker: Asker) -> None:
    organisation = world.admit()
    staff = person(world, organisation, Role.ADMIN, is_staff=True)
    other = person(world, organisation, Role.ADMIN)
    typo = "{memberss{edges{cursor}}}"
    assert "Did you mean 'members'" in staff.ask(typo)["errors"][0]["message"]
    for who in (other, asker):
        assert "Did you mean" not in who.ask(typo)["errors"][0]["message"]
        assert who.code("{__schema{queryType{name}}}") == "BAD_QUERY"
    assert staff.data(get_introspection_query())["__schema"]["queryType"]["name"] == "Query"


def test_a_key_sent_with_a_staff_session_is_no_staff(world: World, asker: Asker) -> None:
    staff = person(world, world.admit(), Role.ADMIN, is_staff=True)
    staff.headers["Authorization"] = asker.client.defaults["HTTP_AUTHORIZATION"]
    assert staff.data(ME) == {"me": {"kind": "organisation"}}
    assert staff.code("{__schema{queryType{name}}}") == "BAD_QUERY"


def test_a_session_needs_its_token_and_a_key_needs_none(world: World, asker: Asker) -> None:
    session = person(world, world.admit(), Role.ADMIN)
    assert session.data(ME) == {"me": {"kind": "organisation"}}
    session.headers.clear()
    assert session.post({"query": ME}).status_code == 403
    assert asker.data(ME) == {"me": {"kind": "organisation"}}


def test_a_field_that_fails_leaves_the_others(asker: Asker) -> None:
    answer = asker.post({"query": '{me{kind} lost:proof(entryId:"' + "00" * 32 + '"){kind}}'})
    assert answer.status_code == 200
    assert answer.json() == {
        "data": {"me": {"kind": "organisation"}, "lost": None},
        "errors": [
            {
                "message": "no entry has this id",
                "locations": [{"line": 1, "column": 11}],
                "path": ["lost"],
                "extensions": {
                    "code": "UNKNOWN_ENTRY",
                    "type": "urn:theriac:problem:unknown-entry",
                    "title": "There is no such entry",
                    "status": 404,
                },
            }
        ],
    }


def test_a_bug_of_ours_is_logged_and_not_told(
    asker: Asker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("Zqxwv Canary")

    monkeypatch.setattr("ledger.schema.checkpoint_published", broken)
    answer = asker.post({"query": "{checkpoint{size}}"})
    assert answer.json()["errors"][0]["extensions"]["code"] == "INTERNAL"
    assert answer.json()["data"] == {"checkpoint": None}
    assert b"Canary" not in answer.content
    assert [record.levelname for record in caplog.records] == ["ERROR"]


HOSTILE = {
    "copies of a field": "{" + "me{kind}" * 240 + "}",
    "copies of an alias": "{" + "a:me{kind}" * 190 + "}",
    "aliases": "{" + " ".join(f"a{n}:me{{kind}}" for n in range(160)) + "}",
    "depth": "{" + "me{" * 480 + "kind" + "}" * 480 + "}",
    "tokens": "{" + "me " * 4_000 + "}",
    "comments": "#a\n" * 3_000 + ME,
    "unknown fields": "{" + " ".join(f"f{n}" for n in range(900)) + "}",
    "pages in pages": "{" + "claims(first:100){edges{node{id}}}" * 30 + "}",
    "doubling fragments": "{...F0}"
    + "".join(f"fragment F{n} on Query{{...F{n + 1} ...F{n + 1}}}" for n in range(70))
    + "fragment F70 on Query{me{kind}}",
    "circular fragments": "{...A}fragment A on Query{...B}fragment B on Query{...A}",
    "many fragments": "{"
    + "".join(f"...F{n} " for n in range(90))
    + "}"
    + "".join(f"fragment F{n} on Query{{me{{kind}}}}" for n in range(90)),
    "directives": "{me" + "@skip(if:false)" * 160 + "{kind}}",
    "nested lists": "{organisation(id:" + "[" * 490 + "]" * 490 + "){name}}",
    "nested variables": "query($a:" + "[" * 450 + "Int" + "]" * 450 + "){me{kind}}",
    "operations": "".join(f"query Q{n}{{me{{kind}}}}" for n in range(140)),
    "introspection": "{__schema{types{" + "fields{type{" * 60 + "name" + "}}" * 60 + "}}}",
}


@pytest.mark.parametrize("name", list(HOSTILE))
def test_a_hostile_document_costs_little(name: str) -> None:
    request = read_request({"query": HOSTILE[name]})
    calls = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        del frame, argument
        nonlocal calls
        calls += event == "call"

    context: Any = QueryContext.__new__(QueryContext)
    object.__setattr__(context, "staff", False)
    sys.setprofile(count)
    try:
        answer = run(SCHEMA, request, context)
    finally:
        sys.setprofile(None)
    assert answer.status == 400, answer.body
    # An honest query of a page of claims makes some 6,000; these stay within ten times that.
    assert calls < 60_000, calls


def test_the_view_has_its_schema() -> None:
    assert view_module.GraphQLView.root is None
