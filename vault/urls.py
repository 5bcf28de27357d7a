"""Addresses of the vault under ``/api/v1/``."""

from django.urls import path

from vault.api.rest import ErasureApproveView, ErasuresView, ErasureView

urlpatterns = [
    path("erasures", ErasuresView.as_view(), name="erasures"),
    path("erasures/<uuid:erasure_id>", ErasureView.as_view(), name="erasure"),
    path(
        "erasures/<uuid:erasure_id>/approve", ErasureApproveView.as_view(), name="erasure-approve"
    ),
]
