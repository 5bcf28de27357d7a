"""Addresses of the log, relative to ``/log/<channel>/``."""

from django.urls import path, re_path

from ledger.api import c2sp

log_urlpatterns = [
    path("checkpoint", c2sp.checkpoint, name="log-checkpoint"),
    path("vkey", c2sp.vkey, name="log-vkey"),
    path("tile/<path:path>", c2sp.tile, name="log-tile"),
    re_path("^proof/(?P<entry_id>[0-9a-f]{64})$", c2sp.proof, name="log-proof"),
]
