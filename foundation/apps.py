"""Django's registration of the app."""

from django.apps import AppConfig


class FoundationConfig(AppConfig):
    """The app ``foundation``."""

    name = "foundation"
    default_auto_field = "django.db.models.BigAutoField"
