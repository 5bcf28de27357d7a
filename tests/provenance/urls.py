"""Addresses as the whole service merges them, for tests of provenance alone."""

from django.urls import include, path

from provenance.urls import epcis_urlpatterns

urlpatterns = [
    path("epcis/v2/", include(epcis_urlpatterns)),
    path("api/v1/", include("provenance.urls")),
]
