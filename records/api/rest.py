"""Who saw a patient's records, as JSON under ``/api/v1/disclosures``."""

import orjson
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.authentication import actor_of, requires_scope
from accounts.core.scopes import Scope
from ledger.core.receipt import RECEIPT_HEADER
from records.api.fhir_views import parameters_of, seeds
from records.core.search import parse_search
from records.services import DisclosureInfo, disclosure_feed
from records.services.deciding import base_url

PATIENT = OpenApiParameter(
    "patient", str, required=True, description="The Patient's id, or system|value"
)


class DisclosuresView(APIView):
    """A patient's feed."""

    def get_permissions(self) -> list[BasePermission]:
        """Return the permission: to read records."""
        return [requires_scope(Scope.RECORDS_READ)()]

    @extend_schema(
        operation_id="disclosure_list",
        responses={200: OpenApiTypes.OBJECT},
        parameters=[PATIENT],
    )
    def get(self, request: Request) -> HttpResponse:
        """List who was shown this patient's records, when and why; this reading becomes a line."""
        search = parse_search(
            "Record", parameters_of(str(request.META.get("QUERY_STRING", ""))), base=base_url()
        )
        lines, receipt = disclosure_feed(
            actor=actor_of(request),
            person=search.person,
            seeds=seeds,
            now=timezone.now(),
        )
        body = orjson.dumps({"disclosures": [_line(each) for each in lines]}, default=str)
        headers = {RECEIPT_HEADER: receipt.header(), "Cache-Control": "no-store"}
        return HttpResponse(body, content_type="application/json", headers=headers)


def _line(info: DisclosureInfo) -> dict[str, object]:
    request = info.receipt.get("request")
    return {
        "disclosed_at": info.disclosed_at,
        "organisation_id": info.reader_id,
        "person_id": info.reader_person_id,
        "count": info.count,
        "entry_id": info.entry_id.hex(),
        "records": [{"record_id": each.record, "version": each.version} for each in info.records],
        "request": request,
        "permit": info.receipt.get("permit"),
        "reasons": info.receipt.get("reasons"),
    }
