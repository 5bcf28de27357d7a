"""Django's registration of the app."""

from django.apps import AppConfig


class WebConfig(AppConfig):
    """The app ``web``."""

    name = "web"
    default_auto_field = "django.db.models.BigAutoField"
