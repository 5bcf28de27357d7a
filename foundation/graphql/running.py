"""One GraphQL request from its JSON to its answer: read, weighed, validated, carried out.

Nothing runs before all of it is known to be within the limits, so a hostile document costs
little. There are queries only: every write has an address of its own under ``/api/v1/`` and the
standards' paths, where it is answered once and with its receipt.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    Token,
    execute_sync,
    parse,
    specified_rules,
    validate,
)
from graphql.execution.values import get_variable_values
from graphql.validation import NoSchemaIntrospectionCustomRule

from foundation.core.actor import Actor
from foundation.core.json_input import printable
from foundation.core.problem import BadInputError, ProblemError
from foundation.core.query_weight import LIMITS, check_weight
from foundation.graphql.errors import QueryError, error_json, failed, refused

MEMBERS = frozenset({"query", "variables", "operationName", "extensions"})


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryContext:
    """What resolvers may know of the request. ``staff`` alone sees the schema described."""

    actor: Actor
    headers: Mapping[str, str] = field(default_factory=dict)
    staff: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryRequest:
    """A request as read: nothing is known of the query but that it is a text."""

    query: str
    variables: Mapping[str, Any]
    operation_name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryAnswer:
    """The body to be sent, and whether the request was carried out at all."""

    body: dict[str, Any]
    status: HTTPStatus = HTTPStatus.OK


def read_request(value: Any) -> QueryRequest:
    """Return the request that a JSON value is; raise ``BadInputError``. One, never a batch."""
    if not isinstance(value, dict):
        raise BadInputError("send one object with the member query; batches are not taken")
    unknown = sorted(value.keys() - MEMBERS)
    if unknown:
        raise BadInputError(f"there is no member {printable(unknown[0])}")
    query, variables = value.get("query"), value.get("variables")
    name = value.get("operationName")
    if not isinstance(query, str):
        raise BadInputError("query is a text", path="$.query")
    if variables is not None and not isinstance(variables, dict):
        raise BadInputError("variables are an object", path="$.variables")
    if name is not None and not isinstance(name, str):
        raise BadInputError("operationName is a text", path="$.operationName")
    return QueryRequest(query=query, variables=variables or {}, operation_name=name)


def run(schema: GraphQLSchema, request: QueryRequest, context: QueryContext) -> QueryAnswer:
    """Return the answer to a request; an anticipated error never leaves as an exception."""
    try:
        document = _parse(request.query)
        check_weight(document, schema=schema, variables=request.variables)
        operation = _operation(document, request.operation_name)
    except GraphQLError as error:
        return _refusal(refused([error]))
    except ProblemError as problem:
        return _refusal([error_json(problem)])
    errors = [
        *_invalid(schema, document, staff=context.staff),
        *_unknown_variables(operation, request.variables),
    ]
    if not errors:
        values = get_variable_values(
            schema,
            operation.variable_definitions,
            dict(request.variables),
            max_errors=LIMITS.errors_max,
            hide_suggestions=True,
        )
        errors = values if isinstance(values, list) else []
    if errors:
        return _refusal(refused(errors))
    return _carried_out(schema, document, request, context)


def _parse(text: str) -> DocumentNode:
    """Return the document; raise ``GraphQLError``, or ``QueryError`` for text nobody can keep."""
    document = parse(
        text,
        max_source_length=LIMITS.source_length_max,
        max_lexical_tokens=LIMITS.tokens_max,
        max_comments=LIMITS.comments_max,
    )
    if any(token.value is not None and "\x00" in token.value for token in _tokens(document)):
        raise QueryError("a text holds NUL")
    return document


def _tokens(document: DocumentNode) -> Iterator[Token]:
    token = None if document.loc is None else document.loc.start_token
    while token is not None:
        yield token
        token = token.next


def _operation(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    """Return the operation to be carried out; raise ``QueryError``."""
    operations = [
        node for node in document.definitions if isinstance(node, OperationDefinitionNode)
    ]
    if name is not None:
        operations = [node for node in operations if node.name and node.name.value == name]
    if len(operations) != 1:
        raise QueryError("operationName names exactly one operation of the document")
    if operations[0].operation is not OperationType.QUERY:
        raise QueryError("there are queries only; writes have their addresses under /api/v1/")
    return operations[0]


def _invalid(schema: GraphQLSchema, document: DocumentNode, *, staff: bool) -> list[GraphQLError]:
    hidden = () if staff else (NoSchemaIntrospectionCustomRule,)
    return validate(
        schema,
        document,
        [*specified_rules, *hidden],
        max_errors=LIMITS.errors_max,
        hide_suggestions=not staff,
    )


def _unknown_variables(
    operation: OperationDefinitionNode, variables: Mapping[str, Any]
) -> list[GraphQLError]:
    """Return an error for each undeclared variable: skipping it would answer something else."""
    declared = {node.variable.name.value for node in operation.variable_definitions}
    return [
        GraphQLError(f"there is no variable {printable(name)}")
        for name in sorted(variables.keys() - declared)[: LIMITS.errors_max]
    ]


def _carried_out(
    schema: GraphQLSchema, document: DocumentNode, request: QueryRequest, context: QueryContext
) -> QueryAnswer:
    result = execute_sync(
        schema,
        document,
        context_value=context,
        variable_values=dict(request.variables),
        operation_name=request.operation_name,
        hide_suggestions=True,
    )
    body: dict[str, Any] = {"data": result.data}
    if result.errors:
        body = {"errors": [failed(error) for error in result.errors], **body}
    return QueryAnswer(body=body)


def _refusal(errors: list[dict[str, Any]]) -> QueryAnswer:
    return QueryAnswer(body={"errors": errors}, status=HTTPStatus.BAD_REQUEST)
