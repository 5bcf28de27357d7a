"""The addresses of records, as the deployment mounts them."""

from django.urls import include, path

from records.urls import fhir_urlpatterns

urlpatterns = [
    path("api/v1/", include("records.urls")),
    path("fhir/r4/", include(fhir_urlpatterns)),
]
