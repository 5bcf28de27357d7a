"""What claims answer besides JSON; views write the bytes themselves."""

from collections.abc import Mapping
from typing import Any

from rest_framework.renderers import BaseRenderer


class X12Renderer(BaseRenderer):
    """Lets a caller ask for an interchange."""

    media_type = "application/edi-x12"
    format = "x12"
    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,  # noqa: ARG002 - the framework's
        renderer_context: Mapping[str, Any] | None = None,  # noqa: ARG002 - the framework's
    ) -> bytes:
        """Return bytes as they are."""
        return bytes(data or b"")
