"""Pages of entries: what each says, where it stands, and the ways to its proof."""

import json
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import F, Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from foundation.core.actor import Actor
from ledger.admin.reading import ReadOnlyAdmin, code, hash_of, index_of, named, pretty, uuid_of
from ledger.errors import UnknownEntryError
from ledger.models import Entry, Leaf, Member
from ledger.selectors import current_log
from ledger.services import receipt_again

if TYPE_CHECKING:  # what get_queryset adds

    class _PlacedEntry(Entry):
        header: int

else:
    _PlacedEntry = Entry


# A word of these pages, not of the table: no migration for a plural.
Entry._meta.verbose_name_plural = "entries"


class EntryList(ChangeList):
    """A list whose rows lead to their entry by its hexadecimal id."""

    def url_for_result(self, result: Model) -> str:
        """Return the address of an entry's page."""
        return reverse("admin:ledger_entry_change", args=[bytes(result.pk).hex()])


@admin.register(Entry)
class EntryAdmin(ReadOnlyAdmin):
    """Entries in the order of the log, the newest first; each page has its proof."""

    list_display = ("log_index", "kind", "organisation", "short_id")
    list_display_links = ("log_index", "kind")
    fields = ("entry_hex", "log_index", "kind", "organisation", "signed", "canonical", "receipt")
    search_fields = ("kind",)
    search_help_text = (
        "A log index; the id of an entry, an organisation or a submission; the beginning of a"
        " kind; a part of an organisation's name"
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Entry]:  # noqa: ARG002 - Django's
        """Return what is in the log, each with its header's index."""
        placed = Entry.objects.filter(submission__leaf__position=0).select_related("submission")
        return named(placed.annotate(header=F("submission__leaf__log_index")))

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:  # noqa: ARG002 - Django's
        """Return the order of the log, from its end."""
        return ("-header", "-position")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:  # noqa: ARG002
        """Return the list that knows the addresses."""
        return EntryList

    def meant(self, term: str) -> Q:
        """Return the condition for entries."""
        if wanted := hash_of(term):
            return Q(entry_id=wanted)
        id_ = uuid_of(term)
        if id_ is not None:
            return Q(organisation_id=id_) | Q(uuid=id_) | Q(submission__submission_id=id_)
        if term.isdecimal():
            return _standing_at(index_of(term))
        names = Member.objects.filter(name__icontains=term).values("organisation_id")
        return Q(kind__startswith=term) | Q(organisation_id__in=names)

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Entry | None:
        """Return the entry of a hexadecimal id."""
        del from_field
        wanted = hash_of(object_id)
        return self.get_queryset(request).filter(pk=wanted).first() if wanted else None

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Return the page with the ways to the proof."""
        entry = context["original"]
        place = [entry.log.name, bytes(entry.pk).hex()]
        context["proofs"] = [
            (reverse("log-proof", args=place), "Proof bundle"),
            (reverse("log-tlog-proof", args=place), "tlog-proof"),
        ]
        context["title"], context["subtitle"] = f"Entry {self.log_index(entry)}", None
        entry.shown_receipt = _receipt_of(request, entry)
        return super().render_change_form(request, context, *args, **kwargs)

    @admin.display(description="log index")
    def log_index(self, entry: _PlacedEntry) -> int:
        """Return where it stands."""
        return entry.header + entry.position

    @admin.display(description="entry id")
    def short_id(self, entry: Entry) -> SafeString:
        """Return the beginning of the id."""
        return code(f"{bytes(entry.pk).hex()[:16]}…")

    @admin.display(description="entry id")
    def entry_hex(self, entry: Entry) -> SafeString:
        """Return the id, which is the hash of the leaf."""
        return code(bytes(entry.pk).hex())

    @admin.display(description="signed")
    def signed(self, entry: Entry) -> SafeString:
        """Return the way to its submission."""
        address = reverse("admin:ledger_submission_change", args=[entry.submission_id])
        id_, key = entry.submission.submission_id, code(entry.submission.key_id)
        return format_html('<a href="{}">submission {}</a> under key {}', address, id_, key)

    @admin.display(description="canonical JSON")
    def canonical(self, entry: Entry) -> SafeString:
        """Return the bytes of the leaf, and the same for readers."""
        text = bytes(entry.content).decode()
        return format_html(
            '<pre class="exact" tabindex="0">{}</pre>{}', text, pretty(json.loads(text))
        )

    @admin.display(description="receipt")
    def receipt(self, entry: Entry) -> object:
        """Return the promise that was given for it."""
        return getattr(entry, "shown_receipt", None)


def _receipt_of(request: HttpRequest, entry: Entry) -> object:
    """Return the receipt, for the organisation that submitted and for nobody else."""
    actor = getattr(request, "actor", None)
    assert isinstance(actor, Actor)  # has_view_permission has asked
    try:
        receipt = receipt_again(actor=actor, submission_id=entry.submission.submission_id)
    except UnknownEntryError:
        return "given to the organisation that submitted"
    return pretty(receipt.as_json())


def _standing_at(index: int) -> Q:
    """Return the condition for the entry at an index; a header means its submission's entries."""
    leaf = Leaf.objects.filter(log_id=current_log().id, log_index=index).first()
    if leaf is None:
        return Q(submission_id=-1)
    at = Q(submission_id=leaf.submission_id)
    return at & Q(position=leaf.position) if leaf.position else at
