"""Addresses of the scan page, relative to ``/scan/``."""

from django.urls import path

from web.scan.page import scan_page

urlpatterns = [path("", scan_page, name="scan-page")]
