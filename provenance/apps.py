"""Django's registration of the app."""

from django.apps import AppConfig


class ProvenanceConfig(AppConfig):
    """The app ``provenance``."""

    name = "provenance"
    default_auto_field = "django.db.models.BigAutoField"
