"""Pages of the log, its heads, its members and their keys, and what was signed."""

import json

from django.contrib import admin
from django.db.models import Case, OuterRef, Q, QuerySet, Subquery, Value, When
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from ledger.admin.reading import ReadOnlyAdmin, code, index_of, named, pretty, uuid_of
from ledger.models import (
    Checkpoint,
    Cosignature,
    Leaf,
    Log,
    LogFreeze,
    Member,
    SigningKey,
    Submission,
)
from ledger.published import checkpoint_published
from ledger.selectors import log_list


def _published() -> Case:
    """Return the expression for the size up to which a head's own log is published."""
    sizes = {log.id: head.size for log in log_list() if (head := checkpoint_published(log))}
    # Before the first quorum of any log there is no case, and none is published.
    cases = [When(log_id=log_id, then=Value(size)) for log_id, size in sizes.items()]
    return Case(*cases, default=Value(0))


def cosignature_lines(head: Checkpoint) -> str:
    """Return the lines of everybody who cosigned the head."""
    rows = Cosignature.objects.filter(log_id=head.log_id, size=head.size).order_by("id")
    return "".join(f"{line}\n" for line in rows.values_list("line", flat=True))


@admin.register(Log)
class LogAdmin(ReadOnlyAdmin):
    """The log itself, and whether it is frozen."""

    list_display = ("name", "origin", "state", "created_at")
    fields = ("name", "origin", "vkey", "operator_id", "receipt_key_id", "created_at", "state")

    @admin.display(description="state")
    def state(self, log: Log) -> str:
        """Return whether anything is signed, and if not, why."""
        freeze = LogFreeze.objects.filter(log_id=log.pk).first()
        if freeze is None:
            return "open"
        return f"FROZEN since {freeze.frozen_at:%Y-%m-%d %H:%M:%S} UTC: {freeze.reason}"


@admin.register(Checkpoint)
class CheckpointAdmin(ReadOnlyAdmin):
    """Signed heads, the newest first."""

    list_display = ("size", "log", "state", "root", "signed_at")
    list_select_related = ("log",)
    fields = ("size", "log", "state", "prev_size", "root", "chain", "signed_at", "signed_note")
    ordering = ("-size",)
    search_fields = ("size",)
    search_help_text = "The size of a head, in leaves"

    def meant(self, term: str) -> Q:
        """Return the condition for the head of a size."""
        return Q(size=index_of(term))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Checkpoint]:
        """Return the heads, each with the size up to which its log is published."""
        rows: QuerySet[Checkpoint] = super().get_queryset(request)
        return rows.annotate(published=_published())

    @admin.display(description="state")
    def state(self, head: Checkpoint) -> str:
        """Return whether the quorum of witnesses stands behind the head."""
        return "published" if head.size <= getattr(head, "published", 0) else "provisional"

    @admin.display(description="root")
    def root(self, head: Checkpoint) -> SafeString:
        """Return the root."""
        return code(bytes(head.root_hash).hex())

    @admin.display(description="chain hash")
    def chain(self, head: Checkpoint) -> SafeString:
        """Return the hash of the chain up to the last leaf."""
        return code(bytes(head.chain_hash).hex())

    @admin.display(description="checkpoint")
    def signed_note(self, head: Checkpoint) -> SafeString:
        """Return the checkpoint with the cosignatures that it has."""
        return format_html('<pre tabindex="0">{}{}</pre>', head.note, cosignature_lines(head))


@admin.register(Member)
class MemberAdmin(ReadOnlyAdmin):
    """Organisations that the log admitted."""

    list_display = ("name", "kind", "organisation_id", "admitted_index", "left_index")
    list_filter = ("kind",)
    fields = ("name", "kind", "organisation_id", "admitted_index", "left_index")
    ordering = ("admitted_index",)
    search_fields = ("name",)
    search_help_text = "A part of a name, or an organisation's id"

    def meant(self, term: str) -> Q:
        """Return the condition for a member."""
        id_ = uuid_of(term)
        return Q(name__icontains=term) if id_ is None else Q(organisation_id=id_)


@admin.register(SigningKey)
class SigningKeyAdmin(ReadOnlyAdmin):
    """Keys over time: a key signs what stands after its addition and before its revocation."""

    list_display = ("short_id", "organisation", "holder", "added_index", "revoked_index")
    list_filter = ("holder",)
    fields = (
        "key_id",
        "organisation",
        "organisation_id",
        "holder",
        "public_key_hex",
        "valid",
        "added_index",
        "revoked_index",
    )
    ordering = ("added_index", "key_id")
    search_fields = ("key_id",)
    search_help_text = "The beginning of a key's id, or an organisation's id"

    def get_queryset(self, request: HttpRequest) -> QuerySet[SigningKey]:
        """Return the keys with the names of their organisations."""
        return named(super().get_queryset(request))

    def meant(self, term: str) -> Q:
        """Return the condition for keys."""
        id_ = uuid_of(term)
        # 32 hex digits are a UUID without dashes, and the beginning of a key's id.
        starts = Q(key_id__startswith=term.lower())
        return starts if id_ is None else starts | Q(organisation_id=id_)

    @admin.display(description="key", ordering="key_id")
    def short_id(self, key: SigningKey) -> SafeString:
        """Return the beginning of the id: the whole stands on the key's page."""
        return code(f"{key.key_id[:16]}…")

    @admin.display(description="public key")
    def public_key_hex(self, key: SigningKey) -> SafeString:
        """Return the key."""
        return code(bytes(key.public_key).hex())

    @admin.display(description="signs at indices")
    def valid(self, key: SigningKey) -> str:
        """Return the indices between which it signs."""
        if key.revoked_index is None:
            return f"after {key.added_index}"
        return f"after {key.added_index}, before {key.revoked_index}"


@admin.register(Submission)
class SubmissionAdmin(ReadOnlyAdmin):
    """What organisations signed, the newest first; without an index it is only promised."""

    list_display = ("submission_id", "organisation", "count", "header_index", "received_at")
    fields = (
        "submission_id",
        "organisation",
        "organisation_id",
        "key_id",
        "count",
        "first",
        "header_index",
        "received_at",
        "deadline_at",
        "entries",
        "statement_json",
        "signature_hex",
    )
    ordering = ("-id",)
    search_fields = ("submission_id",)
    search_help_text = "The id of a submission, of an organisation or of a key"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Submission]:
        """Return the submissions with their organisations' names and their headers' indices."""
        headers = Leaf.objects.filter(submission_id=OuterRef("pk"), position=0)
        header = Subquery(headers.values("log_index")[:1])
        return named(super().get_queryset(request).annotate(header=header))

    def meant(self, term: str) -> Q:
        """Return the condition for submissions."""
        id_ = uuid_of(term)
        if id_ is None:
            return Q(key_id=term.lower())
        return Q(submission_id=id_) | Q(organisation_id=id_)

    @admin.display(description="header index", empty_value="promised")
    def header_index(self, row: Submission) -> int | None:
        """Return where its header stands, or nothing while it is only promised."""
        index: int | None = getattr(row, "header", None)
        return index

    @admin.display(description="statement")
    def statement_json(self, row: Submission) -> SafeString:
        """Return what was signed."""
        return pretty(json.loads(bytes(row.statement)))

    @admin.display(description="signature")
    def signature_hex(self, row: Submission) -> SafeString:
        """Return the signature."""
        return code(bytes(row.signature).hex())

    @admin.display(description="entries")
    def entries(self, row: Submission) -> SafeString:
        """Return the way to its entries."""
        address = reverse("admin:ledger_entry_changelist")
        return format_html('<a href="{}?q={}">Show them</a>', address, row.submission_id)
