"""Log-in by e-mail and password. Rights come from memberships, so it grants none."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.hashers import make_password
from django.http import HttpRequest

from accounts.core.identifiers import IdentifierError, parse_email
from accounts.models import User
from foundation.core.actor import AUTHENTICATION
from foundation.tenancy import acting_as


class EmailBackend(BaseBackend):
    """Finds people as authentication; joins the caller's transaction where it is that already."""

    def authenticate(
        self,
        request: HttpRequest | None,  # noqa: ARG002 - Django's
        username: str | None = None,
        password: str | None = None,
        **credentials: Any,
    ) -> User | None:
        """Return the active user with this e-mail and password, or ``None``.

        ``email`` is taken as ``username`` is. An unknown address takes as long as a known one.
        """
        email = username or credentials.get(User.USERNAME_FIELD)
        if not isinstance(email, str) or password is None:
            return None
        with acting_as(AUTHENTICATION):
            try:
                user = User.objects.get_by_natural_key(email)
            except (User.DoesNotExist, IdentifierError):
                make_password(password)
                return None
            return user if user.check_password(password) and user.is_active else None

    def get_user(self, user_id: UUID) -> User | None:
        """Return the active user of a session, or ``None``."""
        with acting_as(AUTHENTICATION):
            return User.objects.filter(id=user_id, is_active=True).first()


def attempted_email(request: HttpRequest, credentials: Mapping[str, Any] | None) -> str:
    """Return the address that somebody tries to log in with, for ``AXES_USERNAME_CALLABLE``.

    In one spelling, whatever the form calls its field: else capitals would start a new count of
    failures, and Django's form, whose field is ``username``, would not be counted at all.
    """
    sent = credentials or request.POST
    text = sent.get("username") or sent.get(User.USERNAME_FIELD)
    try:
        return parse_email(str(text or ""))
    except IdentifierError:
        return ""
