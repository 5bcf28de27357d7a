"""The first page: what this server is, the head of its log, and where to go."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from foundation.core.actor import PUBLIC
from foundation.tenancy import acting_as
from ledger.errors import NoLogError
from ledger.published import checkpoint_published
from ledger.selectors import current_log, member_list


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Show the log's name, key, head and members: all of it public."""
    with acting_as(PUBLIC):
        try:
            log = current_log()
        except NoLogError:
            return render(request, "web/home.html", {})
        head = checkpoint_published(log)
        context = {
            "log": log,
            "head": head,
            "root": "" if head is None else head.root_hash.hex(),
            "members": member_list(log),
        }
    return render(request, "web/home.html", context)
