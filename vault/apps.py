"""Django's registration of the app."""

from django.apps import AppConfig


class VaultConfig(AppConfig):
    """The app ``vault``."""

    name = "vault"
    default_auto_field = "django.db.models.BigAutoField"
