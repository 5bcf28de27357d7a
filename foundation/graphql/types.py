"""What the apps' schemas share: who asks, pages by key, scalars.

A page is found by the key of the last row seen, so nothing is skipped or repeated when rows come
in between; there are no totals: they would tell of rows that are not shown.
"""

import base64
import binascii
import datetime as dt
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import UUID

import graphene
import orjson
from graphql.language import ValueNode

from foundation.core.actor import Actor
from foundation.core.json_input import JsonLimits, parse_json
from foundation.core.problem import BadInputError, ProblemError
from foundation.core.query_weight import LIMITS
from foundation.graphql.running import QueryContext

PAGE_SIZE = 20
BIGINT_MAX = 2**63 - 1
_CURSOR_LIMITS = JsonLimits(size_bytes_max=2_000, depth_max=1)
_HASH = re.compile("[0-9a-f]{64}")
Row = TypeVar("Row")


class CursorError(BadInputError):
    """The cursor is none that this field gave."""

    slug = "bad-cursor"
    title = "This cursor is none of ours"


class Hash(graphene.Scalar):
    """A SHA-256 digest: 64 lower-case hexadecimal digits."""

    @staticmethod
    def serialize(value: bytes | str) -> str:
        """Return the digits."""
        return value.hex() if isinstance(value, bytes) else value

    @staticmethod
    def parse_value(value: Any) -> bytes:
        """Return the digest; raise ``ValueError``."""
        if not isinstance(value, str) or not _HASH.fullmatch(value):
            raise ValueError("a hash has 64 lower-case hexadecimal digits")
        return bytes.fromhex(value)

    @classmethod
    def parse_literal(cls, node: ValueNode, _variables: object = None) -> bytes:
        """Return the digest; raise ``ValueError``."""
        return cls.parse_value(getattr(node, "value", None))


class JsonDocument(graphene.Scalar):
    """A JSON value as it is kept; it comes out, and is never taken in."""

    @staticmethod
    def serialize(value: bytes) -> orjson.Fragment:
        """Return what is written into the answer as it stands."""
        return orjson.Fragment(value)


class PageInfo(graphene.ObjectType):
    """Whether the list goes on, and where."""

    has_next_page = graphene.Boolean(required=True)
    end_cursor = graphene.String()


@dataclass(frozen=True, slots=True, kw_only=True)
class PageInfoValue:
    """``PageInfo``'s value."""

    has_next_page: bool
    end_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge(Generic[Row]):
    """A row and its cursor."""

    node: Row
    cursor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[Row]):
    """A connection's value."""

    edges: tuple[Edge[Row], ...]
    page_info: PageInfoValue


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A page as asked for: ``limit`` is one row more than ``size``, to know whether more come."""

    size: int
    key: tuple[Any, ...] | None

    @property
    def limit(self) -> int:
        """How many rows to read."""
        return self.size + 1


def context_of(info: Any) -> QueryContext:
    """Return what is known of the request."""
    context: QueryContext = info.context
    return context


def actor_of(info: Any) -> Actor:
    """Return who asks."""
    return context_of(info).actor


def connection(node: type[graphene.ObjectType], name: str) -> type[graphene.ObjectType]:
    """Return the connection type of a list of ``node``."""
    edge = type(
        f"{name}Edge",
        (graphene.ObjectType,),
        {
            "node": graphene.Field(node, required=True),
            "cursor": graphene.String(required=True),
            "__doc__": "A row and the cursor to go on behind it.",
        },
    )
    members = {
        "edges": graphene.List(graphene.NonNull(edge), required=True),
        "page_info": graphene.Field(PageInfo, required=True),
        "__doc__": "A page of a list.",
    }
    return type(f"{name}Connection", (graphene.ObjectType,), members)


def paged(node: type[graphene.ObjectType], name: str, **arguments: Any) -> graphene.Field:
    """Return the field of a list in pages, with further ``arguments``."""
    return graphene.Field(
        connection(node, name),
        first=graphene.Int(default_value=PAGE_SIZE, description="1 to 100 rows"),
        after=graphene.String(description="the cursor of the last row seen"),
        **arguments,
    )


def wanted(first: int | None, after: str | None, *kinds: type) -> Wanted:
    """Return the page asked for; ``kinds`` are the types of the key's parts.

    Raise ``BadInputError`` or ``CursorError``.
    """
    size = PAGE_SIZE if first is None else first
    if not 1 <= size <= LIMITS.page_size_max:
        raise BadInputError(f"first is 1 to {LIMITS.page_size_max}")
    return Wanted(size=size, key=None if after is None else _parse_cursor(after, kinds))


def page_of(rows: Sequence[Row], asked: Wanted, key: Callable[[Row], Sequence[Any]]) -> Page[Row]:
    """Return the page of at most ``asked.limit`` rows; ``key`` gives a row's place."""
    edges = tuple(Edge(node=row, cursor=cursor_of(key(row))) for row in rows[: asked.size])
    return Page(
        edges=edges,
        page_info=PageInfoValue(
            has_next_page=len(rows) > asked.size,
            end_cursor=edges[-1].cursor if edges else None,
        ),
    )


def cursor_of(key: Sequence[Any]) -> str:
    """Return the cursor of a place in a list."""
    return base64.urlsafe_b64encode(orjson.dumps(list(key))).decode().rstrip("=")


def _parse_cursor(text: str, kinds: Sequence[type]) -> tuple[Any, ...]:
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        parts = parse_json(data, _CURSOR_LIMITS)
        return tuple(_part(part, kind) for part, kind in zip(parts, kinds, strict=True))
    except (binascii.Error, ProblemError, ValueError, TypeError) as error:
        raise CursorError("send the cursor as an earlier page gave it") from error


def _part(value: Any, kind: type) -> Any:
    """Return one part of a key; raise ``ValueError`` or ``TypeError``."""
    if kind is int:
        if type(value) is not int or not 0 <= value <= BIGINT_MAX:
            raise ValueError(value)
        return value
    if not isinstance(value, str):
        raise TypeError(value)
    if kind is dt.datetime:
        return dt.datetime.fromisoformat(value).astimezone(dt.UTC)
    return UUID(value) if kind is UUID else value
