"""Django's registration of the app."""

from importlib import import_module

from django.apps import AppConfig


class VaultConfig(AppConfig):
    """The app ``vault``."""

    name = "vault"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Let the relay know of the handlers, and metrics of the gauges."""
        import_module("vault.health")
        import_module("vault.services.certificates")
