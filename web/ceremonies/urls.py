"""Addresses of the ceremonies, relative to ``/admin/governance/``."""

from django.urls import path

from web.ceremonies import page

urlpatterns = [
    path("", page.overview, name="governance"),
    path("done/<uuid:submission_id>/", page.done, name="governance-done"),
    path("<slug:slug>/", page.ceremony, name="governance-act"),
]
