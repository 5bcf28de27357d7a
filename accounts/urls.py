"""Addresses of accounts, relative to ``/api/v1/``."""

from django.urls import path, re_path

from accounts.api import openapi  # noqa: F401 - tells the documentation how to authenticate
from accounts.api.keys import KeyHeadView, KeyRevokeView, KeysView, MyKeyView
from accounts.api.rest import (
    ApiKeysView,
    ApiKeyView,
    CredentialsView,
    MeView,
    OrganisationsView,
)

urlpatterns = [
    path("organisations", OrganisationsView.as_view(), name="organisations"),
    path("credentials", CredentialsView.as_view(), name="credentials"),
    path("me", MeView.as_view(), name="me"),
    path("api-keys", ApiKeysView.as_view(), name="api-keys"),
    path("api-keys/<uuid:api_key_id>", ApiKeyView.as_view(), name="api-key"),
    path("keys", KeysView.as_view(), name="keys"),
    path("keys/mine", MyKeyView.as_view(), name="key-mine"),
    re_path("^keys/(?P<key_id>[0-9a-f]{64})/revoke$", KeyRevokeView.as_view(), name="key-revoke"),
    re_path("^keys/(?P<key_id>[0-9a-f]{64})/head$", KeyHeadView.as_view(), name="key-head"),
]
