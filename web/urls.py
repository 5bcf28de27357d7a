"""Addresses of the pages."""

from django.contrib.auth.views import LogoutView
from django.urls import path

from web.home import home

urlpatterns = [
    path("", home, name="home"),
    # The administration's own lets nobody out who may not enter it.
    path("log-out/", LogoutView.as_view(next_page="home"), name="log-out"),
]
