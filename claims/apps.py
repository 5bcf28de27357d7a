"""Django's registration of the app."""

from django.apps import AppConfig


class ClaimsConfig(AppConfig):
    """The app ``claims``."""

    name = "claims"
    default_auto_field = "django.db.models.BigAutoField"
