"""The live API against its own description: whatever is generated from it, no 5xx, no surprise.

In process through WSGI, with a key of every scope, for an insurer that has a claim and a contract.
"""

import itertools
from collections.abc import Callable
from typing import Any

import hypothesis
import pytest
from django.core.wsgi import get_wsgi_application
from hypothesis import strategies as st

from accounts.core.scopes import Scope
from tests.accounts.conftest import World
from tests.claims.conftest import Insurer
from tests.claims.test_rest_claims import interchange

# Only developers' tools bring it: a user's clone skips these tests, with the reason.
_REASON = "schemathesis comes with THERIAC_DEV=1"
schemathesis = pytest.importorskip("schemathesis", reason=_REASON)
_general = pytest.importorskip("schemathesis.checks", reason=_REASON)
_openapi = pytest.importorskip("schemathesis.specs.openapi.checks", reason=_REASON)

CHECKS = [
    _general.not_a_server_error,
    _openapi.status_code_conformance,
    _openapi.content_type_conformance,
    _openapi.response_schema_conformance,
]


# Bytes, a sound interchange, and one cut off somewhere.
SOUND = interchange("999999")
schemathesis.openapi.media_type(
    "application/edi-x12",
    st.one_of(
        st.binary(max_size=200),
        st.just(SOUND),
        st.integers(0, len(SOUND)).map(lambda at: SOUND[:at]),
    ),
)


@pytest.fixture
def api(world: World, new_insurer: Callable[[], Insurer]) -> Any:
    """The description with the key, and ids of things that there are."""
    insurer = new_insurer()
    key, _ = world.key(insurer.actor, *Scope)
    known = {"contract_id": insurer.in_force(), "claim_id": str(insurer.takes())}
    schema = schemathesis.openapi.from_wsgi("/api/schema/?format=json", get_wsgi_application())
    return schema, {"Authorization": f"Bearer {key}"}, known


def campaign(api: Any, examples: int) -> None:
    """Try ``examples`` inputs at each operation; fail with everything that is wrong."""
    schema, headers, known = api
    wrong = []
    for result in schema.get_all_operations():
        operation = result.ok()
        try:
            attempt(operation, examples, headers=headers, known=known)
        except (BaseExceptionGroup, AssertionError) as error:
            wrong.append(f"{operation.label}: {error!r}\n{error}")
    assert not wrong, "\n\n".join(wrong)


def attempt(
    operation: Any, examples: int, *, headers: dict[str, str], known: dict[str, str]
) -> None:
    """Try one operation, every second time with ids of things that there are."""
    numbers = itertools.count()

    @hypothesis.given(case=operation.as_strategy())
    @hypothesis.settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    def once(case: Any) -> None:
        if next(numbers) % 2:
            for name in case.path_parameters.keys() & known.keys():
                case.path_parameters[name] = known[name]
        case.call_and_validate(headers=headers, checks=CHECKS)

    once()


@pytest.mark.slow
def test_nothing_that_the_description_allows_surprises_the_api(api: Any) -> None:
    campaign(api, examples=5)


@pytest.mark.faults
def test_a_long_campaign_surprises_the_api_no_more(api: Any) -> None:
    campaign(api, examples=100)
