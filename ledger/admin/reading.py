"""Pages that only read: who may, how far lists go, and how values are shown.

Rights come from the actor's scopes, never from Django's permissions; which rows are seen, the
database decides.
"""

import json
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString

from foundation.core.actor import Actor, ActorKind
from ledger.models import Member

if TYPE_CHECKING:  # generic for the type checker only
    _ModelAdmin = admin.ModelAdmin[Any]
    _Paginator = Paginator[Any]
else:
    _ModelAdmin, _Paginator = admin.ModelAdmin, Paginator

# Accounts, above this app, gives roles this scope.
LEDGER_READ = "ledger:read"
ROWS_LISTED_MAX = 10_000
_INDEX_DIGITS_MAX = 18
_HASH_DIGITS = 64


class NewestRows(_Paginator):
    """Pages of the newest rows: a log of millions is searched, not leafed through."""

    @cached_property
    def count(self) -> int:
        """How many rows are listed."""
        rows: QuerySet[Any] = self.object_list  # type: ignore[assignment] # of an admin list
        return rows[:ROWS_LISTED_MAX].count()


class ReadOnlyAdmin(_ModelAdmin):
    """Read by staff whose role reads the ledger; refuses everything else."""

    actions = None
    list_per_page = 50
    paginator = NewestRows
    show_full_result_count = False
    change_form_template = "admin/ledger/change_form.html"

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Return whether the index lists the ledger."""
        return _reads(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Return whether the actor reads the ledger."""
        return _reads(request)

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - Django's
        """Return that nobody adds here."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Return that nobody changes anything."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Return that nobody deletes anything."""
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return everything that a page shows."""
        return self.get_fields(request, obj)

    def get_search_results(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's
        queryset: QuerySet[Any],
        search_term: str,
    ) -> tuple[QuerySet[Any], bool]:
        """Return the rows that a term means."""
        term = search_term.strip()
        return (queryset.filter(self.meant(term)) if term else queryset), False

    def meant(self, term: str) -> Q:
        """Return the condition that a search term stands for: none where a table has no search."""
        del term
        return Q()

    @admin.display(description="organisation")
    def organisation(self, row: Any) -> str:
        """Return the organisation's name, by the log."""
        return str(row.organisation_name or row.organisation_id)


def _reads(request: HttpRequest) -> bool:
    actor = getattr(request, "actor", None)
    return (
        isinstance(actor, Actor)
        and actor.kind is ActorKind.ORGANISATION
        and LEDGER_READ in actor.scopes
    )


def named(rows: QuerySet[Any]) -> QuerySet[Any]:
    """Return the rows, each with the name of its organisation."""
    names = Member.objects.filter(organisation_id=OuterRef("organisation_id")).values("name")
    found: QuerySet[Any] = rows.annotate(organisation_name=Subquery(names[:1]))
    return found


def code(text: str) -> SafeString:
    """Return a text whose letters are read one by one."""
    return format_html("<code>{}</code>", text)


def pretty(value: object) -> SafeString:
    """Return JSON for readers."""
    return format_html(
        '<pre tabindex="0">{}</pre>', json.dumps(value, indent=2, ensure_ascii=False)
    )


def hash_of(text: str) -> bytes | None:
    """Return the hash that 64 hex digits are, or ``None``."""
    try:
        return bytes.fromhex(text) if len(text) == _HASH_DIGITS else None
    except ValueError:
        return None


def uuid_of(text: str) -> UUID | None:
    """Return the UUID that a text is, or ``None``."""
    try:
        return UUID(text)
    except ValueError:
        return None


def index_of(text: str) -> int:
    """Return the index that a text is, or one that nothing has."""
    is_index = text.isascii() and text.isdecimal() and len(text) <= _INDEX_DIGITS_MAX
    return int(text) if is_index else -1
