"""Addresses: C2SP's under ``/log/<channel>/`` and ``/witness/``, ours under ``/api/v1/``."""

from django.urls import path, re_path

from ledger.api import c2sp, rest, witness

log_urlpatterns = [
    path("checkpoint", c2sp.checkpoint, name="log-checkpoint"),
    path("vkey", c2sp.vkey, name="log-vkey"),
    path("tile/<path:path>", c2sp.tile, name="log-tile"),
    re_path("^proof/(?P<entry_id>[0-9a-f]{64})$", c2sp.proof, name="log-proof"),
    re_path(
        r"^proof/(?P<entry_id>[0-9a-f]{64})\.tlog-proof$", c2sp.proof_file, name="log-tlog-proof"
    ),
]

witness_urlpatterns = [
    path("add-checkpoint", witness.add_checkpoint, name="witness-add-checkpoint"),
    re_path(
        "^(?P<origin_hash>[0-9a-f]{64})/checkpoint$", witness.checkpoint, name="witness-checkpoint"
    ),
]

urlpatterns = [
    path("ledger/receipts/<uuid:submission_id>", rest.ReceiptView.as_view(), name="ledger-receipt"),
]
