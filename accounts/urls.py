"""Addresses of accounts, relative to ``/api/v1/``."""

from django.urls import path, re_path

from accounts.api import openapi  # noqa: F401 - tells the documentation how to authenticate
from accounts.api.anchors import AnchorsView, ManyAnchorsView
from accounts.api.channels import ChannelLinksView, ChannelMembersView, ChannelsView
from accounts.api.keys import (
    KeyHeadView,
    KeyRevokeView,
    KeyRotateView,
    KeysView,
    LeaveView,
    MyKeyView,
)
from accounts.api.proposals import (
    EndorseView,
    PoliciesView,
    ProposalEntryView,
    ProposalsView,
    ProposalView,
    SubmitView,
    WithdrawView,
)
from accounts.api.rest import (
    ApiKeysView,
    ApiKeyView,
    CredentialsView,
    MeView,
    OrganisationsView,
)

urlpatterns = [
    path("organisations", OrganisationsView.as_view(), name="organisations"),
    path(
        "organisations/<uuid:organisation_id>/leave",
        LeaveView.as_view(),
        name="organisation-leave",
    ),
    path("credentials", CredentialsView.as_view(), name="credentials"),
    path("me", MeView.as_view(), name="me"),
    path("api-keys", ApiKeysView.as_view(), name="api-keys"),
    path("api-keys/<uuid:api_key_id>", ApiKeyView.as_view(), name="api-key"),
    path("keys", KeysView.as_view(), name="keys"),
    path("keys/mine", MyKeyView.as_view(), name="key-mine"),
    re_path("^keys/(?P<key_id>[0-9a-f]{64})/revoke$", KeyRevokeView.as_view(), name="key-revoke"),
    re_path("^keys/(?P<key_id>[0-9a-f]{64})/rotate$", KeyRotateView.as_view(), name="key-rotate"),
    re_path("^keys/(?P<key_id>[0-9a-f]{64})/head$", KeyHeadView.as_view(), name="key-head"),
    path("anchors", AnchorsView.as_view(), name="anchors"),
    path("anchors/many", ManyAnchorsView.as_view(), name="anchors-many"),
    path("channels", ChannelsView.as_view(), name="channels"),
    path("channels/<slug:channel>/members", ChannelMembersView.as_view(), name="channel-members"),
    path("channels/<slug:channel>/links", ChannelLinksView.as_view(), name="channel-links"),
    path("policies", PoliciesView.as_view(), name="policies"),
    path("proposals", ProposalsView.as_view(), name="proposals"),
    path("proposals/<uuid:proposal_id>", ProposalView.as_view(), name="proposal"),
    path("proposals/<uuid:proposal_id>/entry", ProposalEntryView.as_view(), name="proposal-entry"),
    path("proposals/<uuid:proposal_id>/endorse", EndorseView.as_view(), name="proposal-endorse"),
    path("proposals/<uuid:proposal_id>/withdraw", WithdrawView.as_view(), name="proposal-withdraw"),
    path("proposals/<uuid:proposal_id>/submit", SubmitView.as_view(), name="proposal-submit"),
]
