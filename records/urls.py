"""Addresses of records: REST relative to ``/api/v1/``, FHIR to ``/fhir/r4/``."""

from django.urls import path, re_path

from foundation.problems import problem_form
from records.api.break_glass import ExplanationView, GlassesView, GlassView, ReviewView
from records.api.fhir import (
    MetadataView,
    NotBuiltView,
    ResourcesView,
    ResourceView,
    SearchView,
    SubmissionView,
)
from records.api.fhir_views import outcome_response
from records.api.rest import DisclosuresView

# What is refused before a view is found has FHIR's form, too.
problem_form("/fhir/", outcome_response)

_TYPE = r"(?P<type_>[A-Z][A-Za-z]*)"
# What is no id names nothing; only operations and the like are addresses that are not built.
_ID = r"(?P<id_>[^/$_][^/]*)"

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
