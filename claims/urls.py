"""Addresses of claims: ``urlpatterns`` under ``/api/v1/``, ``x12_urlpatterns`` under ``/x12/``."""

from django.urls import path

from claims.api.rest import (
    AdjudicateView,
    ClaimsListView,
    ClaimView,
    ContractActivateView,
    ContractSignView,
    ContractsView,
    ContractView,
    CoveragesView,
    DecisionView,
    PayerProfileView,
    RemittanceView,
)
from claims.api.x12 import X12View

urlpatterns = [
    path("contracts", ContractsView.as_view(), name="contracts"),
    path("contracts/<slug:contract_id>", ContractView.as_view(), name="contract"),
    path("contracts/<slug:contract_id>/sign", ContractSignView.as_view(), name="contract-sign"),
    path(
        "contracts/<slug:contract_id>/activate",
        ContractActivateView.as_view(),
        name="contract-activate",
    ),
    path("coverages", CoveragesView.as_view(), name="coverages"),
    path("payer-profile", PayerProfileView.as_view(), name="payer-profile"),
    path("claims", ClaimsListView.as_view(), name="claims"),
    path("claims/<uuid:claim_id>", ClaimView.as_view(), name="claim"),
    path("claims/<uuid:claim_id>/adjudicate", AdjudicateView.as_view(), name="claim-adjudicate"),
    path("claims/<uuid:claim_id>/decision", DecisionView.as_view(), name="claim-decision"),
    path("claims/<uuid:claim_id>/remittance", RemittanceView.as_view(), name="claim-remittance"),
]

x12_urlpatterns = [path("", X12View.as_view(), name="x12")]
