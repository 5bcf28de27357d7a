"""Addresses of provenance: the standard's under ``/epcis/v2/``, ours under ``/api/v1/``."""

from django.urls import path

from foundation.problems import problem_form
from provenance.api.capture import CaptureJobView, CaptureView
from provenance.api.dispensings import DispensingsView
from provenance.api.epcis_problems import epcis_form
from provenance.api.rest import EventsView, EventView, NotBuiltView, ScanView

problem_form("/epcis/", epcis_form)

epcis_urlpatterns = [
    path("capture", CaptureView.as_view(), name="epcis-capture"),
    path("capture/<str:capture_id>", CaptureJobView.as_view(), name="epcis-capture-job"),
    path("events", EventsView.as_view(), name="epcis-events"),
    path("events/<path:event_id>", EventView.as_view(), name="epcis-event"),
    path("<path:rest>", NotBuiltView.as_view(), name="epcis-rest"),
]
urlpatterns = [
    path("scan", ScanView.as_view(), name="scan"),
    path("dispensings", DispensingsView.as_view(), name="dispensings"),
]
