"""Django's registration of the app."""

from importlib import import_module

from django.apps import AppConfig


class LedgerConfig(AppConfig):
    """The app ``ledger``."""

    name = "ledger"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Let ``/readyz`` know of the sequencer."""
        import_module("ledger.health")
