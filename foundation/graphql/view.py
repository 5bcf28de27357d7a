"""``/graphql/``: POST carries out one query, GET is a page's business.

What cannot be read as a GraphQL request (another media type, broken JSON, nobody asking) is
answered by problem details, as everywhere; what can, in GraphQL's own form.
"""

from collections.abc import Callable
from typing import ClassVar

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt
from graphql import GraphQLSchema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from foundation.core.actor import Actor
from foundation.core.json_input import JsonLimits
from foundation.core.query_weight import LIMITS
from foundation.graphql.running import QueryContext, read_request, run
from foundation.parsers import OrjsonRenderer, StrictJSONParser

Page = Callable[[HttpRequest], HttpResponseBase]


class QueryParser(StrictJSONParser):
    """JSON as strict as anywhere, and smaller."""

    def limits(self) -> JsonLimits:
        """Return how much is read at all."""
        return JsonLimits(size_bytes_max=LIMITS.body_bytes_max, depth_max=LIMITS.json_depth_max)


class GraphQLRenderer(OrjsonRenderer):
    """The media type of the GraphQL-over-HTTP draft, for who asks for it."""

    media_type = "application/graphql-response+json"
    format = "graphql"


class GraphQLView(APIView):
    """One query, one answer; who asks is found out as for every address of the API."""

    schema = None  # not an address of OpenAPI's
    root: ClassVar[GraphQLSchema | None] = None
    http_method_names = ["post", "options"]
    parser_classes = (QueryParser,)
    renderer_classes = (OrjsonRenderer, GraphQLRenderer)

    def post(self, request: Request, *, staff: bool) -> Response:
        """Carry out the query of the body; ``staff`` is whether the session is of theirs."""
        assert self.root is not None
        assert isinstance(request.auth, Actor)
        context = QueryContext(
            actor=request.auth,
            headers=request.headers,
            staff=staff and request.auth.api_key_id is None,
        )
        answer = run(self.root, read_request(request.data), context)
        return Response(answer.body, status=answer.status, headers={"Cache-Control": "no-store"})


def is_staff(request: HttpRequest) -> bool:
    """Return whether a person of the operator's staff is logged in."""
    user = getattr(request, "user", None)
    return bool(getattr(user, "is_active", False) and getattr(user, "is_staff", False))


def graphql_endpoint(schema: GraphQLSchema, *, page: Page) -> Page:
    """Return the view of the address: ``page`` answers GET, the schema everything else."""
    view = GraphQLView.as_view(root=schema)

    @csrf_exempt  # the authentication of a session checks the token; a key needs none
    def endpoint(request: HttpRequest) -> HttpResponseBase:
        if request.method in {"GET", "HEAD"}:
            return page(request)
        # Asked here: further down the framework puts who asks in the person's place.
        return view(request, staff=is_staff(request))

    return endpoint
