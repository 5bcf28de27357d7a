"""How heavy a GraphQL document is, found out before it is validated or carried out.

Validation compares fields with each other and so costs the square of what is sent; execution
costs what the pages hold. So the document is weighed first, in one walk that visits each
selection once: a fragment's weight is remembered, not found out again at each spread.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from graphql.language import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
)
from graphql.type import (
    GraphQLField,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    SchemaMetaFieldDef,
    TypeMetaFieldDef,
    get_named_type,
    introspection_types,
    is_list_type,
)

from foundation.core.problem import BadInputError


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryLimits:
    """What a document may be at the most; docs/reference/graphql.md lists the numbers."""

    body_bytes_max: int = 64 * 1024
    json_depth_max: int = 8
    source_length_max: int = 10_000
    tokens_max: int = 1_000
    comments_max: int = 50
    depth_max: int = 8
    nesting_max: int = 32  # fields, inline fragments and spreads together
    aliases_max: int = 15
    fields_max: int = 250
    root_fields_max: int = 10
    cost_max: int = 5_000
    page_size_max: int = 100
    list_size: int = 10  # what a list without pages counts as
    introspection_depth_max: int = 15
    introspection_lists_max: int = 3
    errors_max: int = 10


DIGITS_MAX: Final = 9
LIMITS: Final = QueryLimits()
EDGES: Final = "edges"  # the rows of a page, which its size has counted already
_META_FIELDS: Final = {"__schema": SchemaMetaFieldDef, "__type": TypeMetaFieldDef}


class QueryTooHeavyError(BadInputError):
    """The document is over a limit; ``limit`` names it, ``allowed`` is its number."""

    slug = "query-too-heavy"
    title = "The query asks for too much at once"


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """What a selection weighs, its fragments written out.

    ``width`` counts the fields of the selection itself. What lies below ``__schema`` and
    ``__type`` has a depth of its own, and ``lists`` counts the lists within lists there: types
    have fields that have types, without an end.
    """

    depth: int = 0
    width: int = 0
    fields: int = 0
    aliases: int = 0
    cost: int = 0
    introspection_depth: int = 0
    lists: int = 0


def check_weight(
    document: DocumentNode,
    *,
    schema: GraphQLSchema,
    variables: Mapping[str, Any],
    limits: QueryLimits = LIMITS,
) -> None:
    """Raise ``QueryTooHeavyError`` where a document is over a limit.

    ``variables`` are as sent, not yet checked: only page sizes are taken from them.
    """
    scale = _Scale(document, schema=schema, variables=variables, limits=limits)
    total = Weight()
    for operation in _operations(document):
        weight = scale.weight(operation.selection_set, schema.query_type, 1)
        _check(weight, limits)
        _within("root fields", weight.width, limits.root_fields_max)
        total = _sum([total, weight])
    for name in scale.fragments:
        # Those that no operation spreads are validated too.
        _check(scale.fragment(name, 1), limits)
    _within("fields", total.fields, limits.fields_max)


def _operations(document: DocumentNode) -> list[OperationDefinitionNode]:
    return [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]


def _check(weight: Weight, limits: QueryLimits) -> None:
    _within("depth", weight.depth, limits.depth_max)
    _within("aliases", weight.aliases, limits.aliases_max)
    _within("fields", weight.fields, limits.fields_max)
    _within("introspection depth", weight.introspection_depth, limits.introspection_depth_max)
    _within("introspection lists", weight.lists, limits.introspection_lists_max)
    _within("cost", weight.cost, limits.cost_max)


def _within(limit: str, found: int, allowed: int) -> None:
    if found > allowed:
        raise QueryTooHeavyError(
            f"{limit}: {found} where {allowed} are allowed; ask for less, or in parts",
            limit=limit,
            allowed=allowed,
        )


def _sum(weights: Iterable[Weight]) -> Weight:
    """Return the weight of selections side by side."""
    found = list(weights)
    return Weight(
        depth=max((each.depth for each in found), default=0),
        width=sum(each.width for each in found),
        fields=sum(each.fields for each in found),
        aliases=sum(each.aliases for each in found),
        cost=sum(each.cost for each in found),
        introspection_depth=max((each.introspection_depth for each in found), default=0),
        lists=max((each.lists for each in found), default=0),
    )


class _Scale:
    """Weighs the selections of one document."""

    def __init__(
        self,
        document: DocumentNode,
        *,
        schema: GraphQLSchema,
        variables: Mapping[str, Any],
        limits: QueryLimits,
    ) -> None:
        self.schema, self.limits = schema, limits
        self.variables = {**_defaults(document), **variables}
        self.fragments = {
            node.name.value: node
            for node in document.definitions
            if isinstance(node, FragmentDefinitionNode)
        }
        self._weights: dict[str, Weight] = {}
        self._open: set[str] = set()

    def weight(self, node: SelectionSetNode, parent: GraphQLNamedType | None, level: int) -> Weight:
        """Return what the selections of ``parent`` weigh; ``level`` is how deep we are."""
        _within("nesting", level, self.limits.nesting_max)
        return _sum(self._selection(each, parent, level) for each in node.selections)

    def fragment(self, name: str, level: int) -> Weight:
        """Return what a fragment weighs; nothing where there is none: validation refuses it."""
        if name in self._open:
            raise QueryTooHeavyError("a fragment spreads itself", limit="nesting")
        node = self.fragments.get(name)
        if node is not None and name not in self._weights:
            self._open.add(name)
            parent = self.schema.get_type(node.type_condition.name.value)
            self._weights[name] = self.weight(node.selection_set, parent, level)
            self._open.discard(name)
        return self._weights.get(name, Weight())

    def _selection(
        self, node: SelectionNode, parent: GraphQLNamedType | None, level: int
    ) -> Weight:
        if isinstance(node, FieldNode):
            return self._field(node, parent, level)
        if isinstance(node, InlineFragmentNode):
            on = node.type_condition
            # Without a condition it is of its parent's type; the annotation denies that.
            inner = self.schema.get_type(on.name.value) if on else parent  # type: ignore[truthy-bool]
            return self.weight(node.selection_set, inner, level + 1)
        assert isinstance(node, FragmentSpreadNode)
        # The spread itself is compared with its neighbours, so it counts as a field does.
        return _sum([self.fragment(node.name.value, level + 1), Weight(fields=1)])

    def _field(self, node: FieldNode, parent: GraphQLNamedType | None, level: int) -> Weight:
        field = _definition(parent, node.name.value)
        inner = Weight()
        if node.selection_set is not None:
            type_ = None if field is None else get_named_type(field.type)
            inner = self.weight(node.selection_set, type_, level + 1)
        introspects = parent is not None and parent.name in introspection_types
        is_list = field is not None and _is_list(field)
        return Weight(
            depth=inner.depth if introspects else inner.depth + 1,
            width=1,
            fields=inner.fields + 1,
            aliases=inner.aliases + (node.alias is not None),
            cost=1 + inner.cost * (1 if introspects else self._times(node, field, is_list=is_list)),
            introspection_depth=inner.introspection_depth + introspects,
            lists=inner.lists + (introspects and is_list),
        )

    def _times(self, node: FieldNode, field: GraphQLField | None, *, is_list: bool) -> int:
        """Return how often what lies below a field may come."""
        first = None if field is None else field.args.get("first")
        if first is None:
            return self.limits.list_size if is_list and node.name.value != EDGES else 1
        given: list[ValueNode] = [
            argument.value for argument in node.arguments if argument.name.value == "first"
        ]
        size = self._number(given[0]) if given else first.default_value
        # No number, or one out of range: refused later, and weighed as the worst until then.
        if isinstance(size, int) and 0 < size <= self.limits.page_size_max:
            return size
        return self.limits.page_size_max

    def _number(self, node: ValueNode) -> object:
        if isinstance(node, VariableNode):
            return self.variables.get(node.name.value)
        if isinstance(node, IntValueNode) and len(node.value) <= DIGITS_MAX:
            return int(node.value)
        return None


def _defaults(document: DocumentNode) -> dict[str, int]:
    """Return the numbers that variables have by default, the largest of operations' defaults."""
    found: dict[str, int] = {}
    for operation in _operations(document):
        for declared in operation.variable_definitions:
            name, value = declared.variable.name.value, declared.default_value
            if isinstance(value, IntValueNode) and len(value.value) <= DIGITS_MAX:
                found[name] = max(int(value.value), found.get(name, 0))
    return found


def _is_list(field: GraphQLField) -> bool:
    type_ = field.type
    return is_list_type(type_.of_type if isinstance(type_, GraphQLNonNull) else type_)


def _definition(parent: GraphQLNamedType | None, name: str) -> GraphQLField | None:
    """Return the field's definition, ``None`` for one that validation will refuse."""
    if name in _META_FIELDS:
        return _META_FIELDS[name]
    return parent.fields.get(name) if isinstance(parent, GraphQLObjectType) else None
