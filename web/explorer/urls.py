"""Addresses of the explorer, relative to ``/explorer/``: the log is always named."""

from django.urls import path, re_path

from web.explorer import certificate, entries, log

urlpatterns = [
    path("", log.explorer, name="explorer"),
    path("<slug:channel>/", log.log_page, name="explorer-log"),
    path("<slug:channel>/head", log.head, name="explorer-head"),
    path("<slug:channel>/entries/", entries.entries_page, name="explorer-entries"),
    path("<slug:channel>/find", entries.find, name="explorer-find"),
    re_path(
        r"^(?P<channel>[-\w]+)/entry/(?P<entry_id>[0-9a-f]{64})/$",
        entries.entry_page,
        name="explorer-entry",
    ),
    re_path(
        r"^(?P<channel>[-\w]+)/entry/(?P<entry_id>[0-9a-f]{64})/certificate/$",
        certificate.certificate,
        name="explorer-certificate",
    ),
    path("<slug:channel>/members/", log.members_page, name="explorer-members"),
    path("<slug:channel>/keys/", log.keys_page, name="explorer-keys"),
    path("<slug:channel>/policies/", log.policies_page, name="explorer-policies"),
    path("<slug:channel>/witnesses/", log.witnesses_page, name="explorer-witnesses"),
]
