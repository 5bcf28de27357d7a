"""Addresses of records: REST relative to ``/api/v1/``, FHIR to ``/fhir/r4/``."""

from django.urls import path, re_path

from records.api.break_glass import ExplanationView, GlassesView, GlassView, ReviewView
from records.api.fhir import (
    MetadataView,
    NotBuiltView,
    ResourcesView,
    ResourceView,
    SearchView,
    SubmissionView,
)
from records.api.rest import DisclosuresView

_TYPE = r"(?P<type_>[A-Z][A-Za-z]{1,63})"
_ID = r"(?P<id_>[A-Za-z0-9.-]{1,64})"

urlpatterns = [
    path("disclosures", DisclosuresView.as_view(), name="disclosures"),
    path("break-glass", GlassesView.as_view(), name="break-glass"),
    path("break-glass/<uuid:glass_id>", GlassView.as_view(), name="break-glass-one"),
    path(
        "break-glass/<uuid:glass_id>/explanation",
        ExplanationView.as_view(),
        name="break-glass-explanation",
    ),
    path("break-glass/<uuid:glass_id>/review", ReviewView.as_view(), name="break-glass-review"),
]
fhir_urlpatterns = [
    path("", SubmissionView.as_view(), name="fhir-submission"),
    path("metadata", MetadataView.as_view(), name="fhir-metadata"),
    re_path(rf"^{_TYPE}$", ResourcesView.as_view(), name="fhir-resources"),
    re_path(rf"^{_TYPE}/_search$", SearchView.as_view(), name="fhir-search"),
    re_path(rf"^{_TYPE}/{_ID}$", ResourceView.as_view(), name="fhir-resource"),
    path("<path:rest>", NotBuiltView.as_view(), name="fhir-not-built"),
]
