"""Operational tables: what was answered to whom, and what is still to be done."""

import uuid
from typing import ClassVar

from django.db import models

from foundation.core.ledger_role import LedgerRole


class IdempotencyRecord(models.Model):
    """One answered write: the same key and body get the same answer for ever."""

    ledger_role: ClassVar[LedgerRole] = LedgerRole.OPERATIONAL

    scope_id = models.UUIDField()  # the organisation, or the patient, whose key it is
    key = models.CharField(max_length=255)
    body_mac = models.BinaryField(max_length=32)
    status = models.PositiveSmallIntegerField()
    media_type = models.CharField(max_length=100)
    headers = models.JSONField()
    body = models.BinaryField()
    created_at = models.DateTimeField()

    class Meta:
        """A key is spent once per scope."""

        constraints = [
            models.UniqueConstraint(fields=["scope_id", "key"], name="idempotency_key_once")
        ]

    def __str__(self) -> str:
        """Return the key."""
        return self.key


class OutboxMessage(models.Model):
    """One piece of background work; the payload holds ids only."""

    ledger_role: ClassVar[LedgerRole] = LedgerRole.OPERATIONAL

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation_id = models.UUIDField(null=True)  # whose actor runs it; none: the system's
    queue = models.CharField(max_length=40)
    handler = models.CharField(max_length=100)
    payload = models.JSONField()
    created_at = models.DateTimeField()
    not_before = models.DateTimeField()
    lease_until = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    done_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)  # given up; the last error's type is kept
    last_error = models.CharField(max_length=100, blank=True)

    class Meta:
        """The relay looks for what is due, the operator for what was given up."""

        indexes = [
            models.Index(
                fields=["not_before"],
                name="outbox_due",
                condition=models.Q(done_at=None, failed_at=None),
            ),
            models.Index(
                fields=["failed_at"],
                name="outbox_given_up",
                condition=models.Q(failed_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        """Return what is to be done."""
        return f"{self.handler} {self.id}"
