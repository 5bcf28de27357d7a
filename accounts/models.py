"""People, organisations and what ties them: which rows anybody sees is in the first migration.

Organisations and credentials are public facts of the channel; users, memberships and API keys
belong to whoever shares the organisation.
"""

import uuid
from collections.abc import Iterable
from contextlib import nullcontext
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower

from accounts.core.credential import EVIDENCE_LENGTH_MAX, CredentialType
from accounts.core.identifiers import EMAIL_LENGTH_MAX, parse_email
from accounts.core.organisation import OrganisationKind
from accounts.core.scopes import Scope
from foundation.core.actor import AUTHENTICATION, Role
from foundation.core.ledger_role import LedgerRole
from foundation.tenancy import OutsideActingAsError, acting_as, current_actor

HASH_SIZE_BYTES = 32


class UserManager(BaseUserManager["User"]):
    """Finds people by e-mail; ``accounts.services`` makes them."""

    def get_by_natural_key(self, username: str | None) -> "User":
        """Return the user; raise ``IdentifierError`` for what is no e-mail address."""
        return self.get(email=parse_email(username or ""))


class User(AbstractBaseUser, PermissionsMixin):
    """A person who logs in by e-mail. Rights come from memberships, never from here."""

    ledger_role: ClassVar[LedgerRole] = LedgerRole.OPERATIONAL

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField(max_length=EMAIL_LENGTH_MAX)  # in lower case: see parse_email
    name = models.CharField(max_length=200, blank=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)  # may open the admin; its rows come from roles
    created_at = models.DateTimeField()

    objects = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"

    class Meta:
        """One person per mailbox; nobody stands above the rules."""

        constraints = [
            models.UniqueConstraint(fields=["email"], name="user_email_once"),
            models.CheckConstraint(
                condition=models.Q(email=Lower("email")), name="user_email_in_lower_case"
            ),
            models.CheckConstraint(
                condition=models.Q(is_superuser=False), name="user_is_no_superuser"
            ),
        ]

    def __str__(self) -> str:
        """Return the e-mail address."""
        return self.email

    def save(self, *args: Any, update_fields: Iterable[str] | None = None, **options: Any) -> None:
        """Save; ``last_login`` alone also outside ``acting_as``.

        Django's own signal writes it wherever ``login()`` is called: that is authentication's
        work, so it gets authentication's transaction.
        """
        with acting_as(AUTHENTICATION) if _logs_in(update_fields) else nullcontext():
            super().save(*args, update_fields=update_fields, **options)


def _logs_in(update_fields: Iterable[str] | None) -> bool:
    if update_fields != ["last_login"]:
        return False
    try:
        current_actor()
    except OutsideActingAsError:
        return True
    return False


class Organisation(models.Model):
    """A member of the channel, as ``accounts.core.organisation`` folds it from the log."""

    ledger_role: ClassVar[LedgerRole] = LedgerRole.PROJECTION

    id = models.UUIDField(primary_key=True)
    name = models.CharField(max_length=200)
    kind = models.CharField(
        max_length=20, choices=[(kind.value, kind.value) for kind in OrganisationKind]
    )
    gln = models.CharField("GLN", max_length=13, null=True)  # noqa: DJ001 - NULL repeats, '' not
    entry_id = models.BinaryField(max_length=HASH_SIZE_BYTES)  # of its admission

    class Meta:
        """A GLN names one organisation."""

        constraints = [
            models.UniqueConstraint(fields=["gln"], name="organisation_gln_once"),
            models.CheckConstraint(
                condition=models.Q(gln__regex="^[0-9]{13}$"), name="organisation_gln_13_digits"
            ),
        ]

    def __str__(self) -> str:
        """Return the name."""
        return self.name


class Credential(models.Model):
    """One identifier of ``holder`` as ``organisation`` verified it; insert-only."""

    ledger_role: ClassVar[LedgerRole] = LedgerRole.FACT

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # The verifier: a fact belongs to the organisation whose entry it is.
    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="+")
    holder = models.ForeignKey(Organisation, models.PROTECT, related_name="credentials")
    type = models.CharField(max_length=10, choices=[(t.value, t.value) for t in CredentialType])
    value = models.CharField(max_length=64)
    evidence = models.CharField(max_length=EVIDENCE_LENGTH_MAX)
    valid_from = models.DateField()
    expires_on = models.DateField(null=True)  # the last day it holds
    entry_id = models.BinaryField(max_length=HASH_SIZE_BYTES)

    class Meta:
        """An entry verifies one credential; look-ups go by identifier."""

        constraints = [
            models.UniqueConstraint(fields=["entry_id"], name="credential_entry_once"),
            models.CheckConstraint(
                condition=models.Q(expires_on=None)
                | models.Q(expires_on__gte=models.F("valid_from")),
                name="credential_period_not_empty",
            ),
        ]
        indexes = [models.Index(fields=["type", "value"], name="credential_by_value")]

    def __str__(self) -> str:
        """Return type and value."""
        return f"{self.type} {self.value}"


class Membership(models.Model):
    """What a person may do inside one organisation."""

    ledger_role: ClassVar[LedgerRole] = LedgerRole.OPERATIONAL

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, models.PROTECT, related_name="memberships")
    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="memberships")
    roles = ArrayField(
        models.CharField(max_length=20, choices=[(role.value, role.value) for role in Role])
    )
    granted_at = models.DateTimeField()

    class Meta:
        """A person is in an organisation once, with at least one role."""

        constraints = [
            models.UniqueConstraint(fields=["user", "organisation"], name="membership_once"),
            models.CheckConstraint(
                condition=models.Q(roles__len__gte=1), name="membership_has_a_role"
            ),
        ]

    def __str__(self) -> str:
        """Return the roles."""
        return ", ".join(self.roles)


class ApiKey(models.Model):
    """A key of another system of the organisation's; only the hash of its secret is kept."""

    ledger_role: ClassVar[LedgerRole] = LedgerRole.OPERATIONAL

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="api_keys")
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=12)
    secret_hash = models.BinaryField(max_length=HASH_SIZE_BYTES)
    scopes = ArrayField(
        models.CharField(max_length=40, choices=[(scope.value, scope.value) for scope in Scope])
    )
    networks = ArrayField(models.CharField(max_length=43), default=list)  # CIDR; none: any
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        """A key is found by its prefix."""

        verbose_name = "API key"
        constraints = [
            models.UniqueConstraint(fields=["prefix"], name="api_key_prefix_once"),
            models.CheckConstraint(
                condition=models.Q(scopes__len__gte=1), name="api_key_has_a_scope"
            ),
        ]

    def __str__(self) -> str:
        """Return the name and what the key begins with."""
        return f"{self.name} (thk_{self.prefix}_…)"
