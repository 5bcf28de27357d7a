"""Django's registration of the app."""

from django.apps import AppConfig


class OpsConfig(AppConfig):
    """The app ``ops``."""

    name = "ops"
    default_auto_field = "django.db.models.BigAutoField"
