"""Django's registration of the app."""

from importlib import import_module

from django.apps import AppConfig


class ProvenanceConfig(AppConfig):
    """The app ``provenance``."""

    name = "provenance"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Let the vault know what is held of people here, and the outbox what captures."""
        import_module("provenance.holders")
        import_module("provenance.services.capture_jobs")
