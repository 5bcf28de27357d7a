"""Errors of GraphQL answers: ours with their stable type, everybody else's without a detail.

Each error's ``extensions`` hold ``type`` (the problem's, docs/reference/problems.md) and ``code``
(its slug in capitals). Texts name fields and types, never a value that was sent.
"""

import logging
from collections.abc import Iterable
from typing import Any

from graphql import GraphQLError, GraphQLSyntaxError, VariableDefinitionNode
from graphql.language import ValueNode

from foundation.core.problem import TYPE_PREFIX, BadInputError, ProblemError
from foundation.problems import problem_of

logger = logging.getLogger(__name__)


class QueryError(BadInputError):
    """The document is no query that can be carried out here."""

    slug = "bad-query"
    title = "The query cannot be carried out"


class UnforeseenError(ProblemError):
    """A bug of ours; the operator's log has the place."""


def error_json(problem: ProblemError, error: GraphQLError | None = None) -> dict[str, Any]:
    """Return one member of ``errors`` for a problem, at the places that ``error`` names."""
    found = problem.as_json()
    detail = found.pop("detail")
    found["code"] = problem.slug.replace("-", "_").upper()
    answer: dict[str, Any] = {"message": detail, "extensions": found}
    if error is not None:
        if error.locations:
            answer["locations"] = [place.formatted for place in error.locations]
        if error.path is not None:
            answer["path"] = error.path
    return answer


def refused(errors: Iterable[GraphQLError]) -> list[dict[str, Any]]:
    """Return the errors of a document that is not carried out."""
    return [error_json(QueryError(_text(error)), error) for error in errors]


def failed(error: GraphQLError) -> dict[str, Any]:
    """Return the error of a field that failed; what nobody foresaw is logged and not told."""
    original = error.original_error
    problem = None if original is None else problem_of(original)
    if problem is None:
        logger.error("unforeseen error", exc_info=original or error, extra={"status": 500})
        problem = UnforeseenError("this field has no answer; the operator's log has the place")
    return error_json(problem, error)


def _text(error: GraphQLError) -> str:
    """Return what is wrong, without a value: it may be somebody's name or number."""
    node = error.nodes[0] if error.nodes else None
    if isinstance(error, GraphQLSyntaxError):
        # Whatever was found stands in quotes behind what was expected.
        return error.message.partition('"')[0].partition("'")[0].strip().rstrip(",:.")
    if isinstance(node, VariableDefinitionNode):
        return f"the variable ${node.variable.name.value} does not fit its type"
    if isinstance(node, ValueNode):
        return "this value does not fit its place"
    return error.message


__all__ = ["TYPE_PREFIX", "QueryError", "UnforeseenError", "error_json", "failed", "refused"]
