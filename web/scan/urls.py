"""Addresses of the scan page, relative to ``/scan/``."""

from django.urls import path

from web.scan.page import scan_page
from web.scan.receiving import receive_packs

urlpatterns = [
    path("", scan_page, name="scan-page"),
    path("receive/", receive_packs, name="scan-receive"),
]
