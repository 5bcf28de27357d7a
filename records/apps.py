"""Django's registration of the app."""

from django.apps import AppConfig


class RecordsConfig(AppConfig):
    """The app ``records``."""

    name = "records"
    default_auto_field = "django.db.models.BigAutoField"
