"""All addresses, with the scan page beside them."""

from django.urls import include, path

from config.urls import urlpatterns as merged

urlpatterns = [path("scan/", include("web.scan.urls")), *merged]
