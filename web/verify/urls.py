"""Addresses of the page that checks proofs, relative to ``/verify/``."""

from django.urls import path

from web.verify.page import verify_file, verify_page

urlpatterns = [
    path("", verify_page, name="verify-page"),
    path("theriac-verify.html", verify_file, name="verify-file"),
]
