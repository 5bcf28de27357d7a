"""Addresses of provenance: the standard's under ``/epcis/v2/``, ours under ``/api/v1/``."""

from django.urls import path

from provenance.api.dispensings import DispensingsView
from provenance.api.rest import EventsView, EventView, NotBuiltView, ScanView

epcis_urlpatterns = [
    path("events", EventsView.as_view(), name="epcis-events"),
    path("events/<path:event_id>", EventView.as_view(), name="epcis-event"),
    path("<path:rest>", NotBuiltView.as_view(), name="epcis-rest"),
]
urlpatterns = [
    path("scan", ScanView.as_view(), name="scan"),
    path("dispensings", DispensingsView.as_view(), name="dispensings"),
]
