"""What is kept of a log-in that failed: who, when and from where, and nothing else that was sent.

The lock-out counts attempts. The package would also store the fields of the form and of the
address, in which a browser's helper or a lost paste can put anything.
"""

from collections.abc import Mapping
from typing import Any

from axes.handlers.database import AxesDatabaseHandler
from django.http import HttpRequest, QueryDict


class LockoutHandler(AxesDatabaseHandler):  # type: ignore[misc] # the package ships no types
    """The package's handler, which sees a request without its fields."""

    def user_login_failed(
        self,
        sender: object,
        credentials: Mapping[str, Any],
        request: HttpRequest | None = None,
        **named: Any,
    ) -> None:
        """Count the attempt."""
        if request is None:
            super().user_login_failed(sender, credentials, request, **named)
            return
        fields = request.GET, request.POST
        request.GET = request.POST = QueryDict()
        try:
            super().user_login_failed(sender, credentials, request, **named)
        finally:
            request.GET, request.POST = fields
