"""Django's registration of the app."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """The app ``accounts``."""

    name = "accounts"
    default_auto_field = "django.db.models.BigAutoField"
