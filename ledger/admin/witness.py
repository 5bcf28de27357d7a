"""Pages of the witness: whose logs it watches, and what a log signed against itself."""

from django.contrib import admin
from django.db.models import Q
from django.utils.html import format_html
from django.utils.safestring import SafeString

from ledger.admin.reading import ReadOnlyAdmin, code
from ledger.core.witness import Conflict
from ledger.models import WitnessConflict, WitnessedLog


@admin.register(WitnessedLog)
class WitnessedLogAdmin(ReadOnlyAdmin):
    """Other logs, with the last head of each that was cosigned here."""

    list_display = ("origin", "state", "size", "cosigned_at", "conflicts")
    fields = ("origin", "state", "vkeys", "size", "root", "cosigned_at", "signed_note", "conflicts")
    ordering = ("origin",)
    search_fields = ("origin",)
    search_help_text = "A part of an origin"

    def meant(self, term: str) -> Q:
        """Return the condition for a log."""
        return Q(origin__icontains=term)

    @admin.display(description="state")
    def state(self, log: WitnessedLog) -> str:
        """Return whether its checkpoints are still cosigned."""
        return "witnessed" if log.vkeys else "dropped"

    @admin.display(description="root")
    def root(self, log: WitnessedLog) -> SafeString:
        """Return the root of the last cosigned head."""
        return code(bytes(log.root_hash).hex())

    @admin.display(description="cosigned checkpoint")
    def signed_note(self, log: WitnessedLog) -> SafeString:
        """Return the last checkpoint with the log's signature and the witness'."""
        return _note(f"{log.note}{log.cosignature}" if log.note else "none yet")

    @admin.display(description="conflicts")
    def conflicts(self, log: WitnessedLog) -> int:
        """Return how many heads of it contradict what was cosigned."""
        return WitnessConflict.objects.filter(log_id=log.pk).count()


@admin.register(WitnessConflict)
class WitnessConflictAdmin(ReadOnlyAdmin):
    """Evidence: two heads under a log's own signature that contradict each other."""

    list_display = ("log", "kind", "size", "cosigned_size", "seen_at")
    list_filter = ("kind",)
    list_select_related = ("log",)
    fields = ("log", "kind", "meaning", "seen_at", "cosigned", "refused", "hashes")
    ordering = ("-id",)
    search_fields = ("log__origin",)
    search_help_text = "A part of an origin"

    def meant(self, term: str) -> Q:
        """Return the condition for the conflicts of a log."""
        return Q(log__origin__icontains=term)

    @admin.display(description="what it proves")
    def meaning(self, row: WitnessConflict) -> str:
        """Return what the two heads show, and what they do not."""
        if row.kind == Conflict.FORK:
            return "One size, two roots, both signed by the log: it keeps two histories."
        return (
            "The proof that came with the newer head does not hold. Whoever sends a head may spoil"
            " its proof: ask the log for another before accusing it."
        )

    @admin.display(description="cosigned before")
    def cosigned(self, row: WitnessConflict) -> SafeString:
        """Return the head that this witness had cosigned."""
        return _note(row.cosigned_note)

    @admin.display(description="refused")
    def refused(self, row: WitnessConflict) -> SafeString:
        """Return the head that was refused."""
        return _note(row.note)

    @admin.display(description="proof that came with it")
    def hashes(self, row: WitnessConflict) -> SafeString:
        """Return the hashes, one a line."""
        proof = bytes(row.proof)
        lines = [proof[at : at + 32].hex() for at in range(0, len(proof), 32)]
        return _note("\n".join(lines) or "none")


def _note(text: str) -> SafeString:
    return format_html('<pre tabindex="0">{}</pre>', text)
