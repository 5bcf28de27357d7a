"""Problems that a caller can do something about, in the form of RFC 9457.

An anticipated error of any app derives from ``ProblemError`` and carries its stable ``type``;
the interfaces render it and know nothing else about it. The message never holds personal data.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import ClassVar

from foundation.core.values import Json

TYPE_PREFIX = "urn:theriac:problem:"


class ProblemError(Exception):
    """An anticipated error with a stable type, a status and a remedy.

    ``slug`` names the problem for ever; ``detail`` says what is wrong with this request and
    what to do; ``members`` are extension members (RFC 9457 section 3.2), such as ``position``.
    """

    slug: ClassVar[str] = "internal"
    title: ClassVar[str] = "Something we did not foresee"
    status: ClassVar[int] = HTTPStatus.INTERNAL_SERVER_ERROR

    def __init__(self, detail: str, **members: Json) -> None:
        """Keep the detail and the extension members."""
        super().__init__(detail)
        self.detail = detail
        self.members: Mapping[str, Json] = members

    def as_json(self) -> dict[str, Json]:
        """Return the problem document."""
        return {
            "type": TYPE_PREFIX + self.slug,
            "title": self.title,
            "status": int(self.status),
            "detail": self.detail,
            **self.members,
        }


class BadInputError(ProblemError):
    """The request cannot be read, or breaks a rule of its format."""

    slug = "bad-input"
    title = "The input cannot be taken"
    status = HTTPStatus.BAD_REQUEST


class TooLargeError(ProblemError):
    """The body is over the limit; nothing of it was read."""

    slug = "too-large"
    title = "The body is too large"
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class UnsupportedMediaError(ProblemError):
    """The media type is none that this address reads."""

    slug = "unsupported-media-type"
    title = "This media type is not read here"
    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class NotFoundError(ProblemError):
    """There is no such thing, or the caller may not know of it: one answer for both."""

    slug = "not-found"
    title = "There is no such thing here"
    status = HTTPStatus.NOT_FOUND


class ForbiddenError(ProblemError):
    """The actor may not do this; the detail says which rule and how to ask."""

    slug = "forbidden"
    title = "This is not allowed"
    status = HTTPStatus.FORBIDDEN


class UnauthenticatedError(ProblemError):
    """Nobody is known to be asking."""

    slug = "unauthenticated"
    title = "Log in, or send an API key"
    status = HTTPStatus.UNAUTHORIZED


class ConflictError(ProblemError):
    """The request collides with what is there, or with one in flight."""

    slug = "conflict"
    title = "This collides with what is there"
    status = HTTPStatus.CONFLICT


class UnprocessableError(ProblemError):
    """The request can be read, but it cannot be carried out as it is."""

    slug = "unprocessable"
    title = "This cannot be carried out as it is"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class NotBuiltError(ProblemError):
    """A path that is not built yet; it refuses rather than pretends."""

    slug = "not-built"
    title = "This is not built yet"
    status = HTTPStatus.NOT_IMPLEMENTED


class UnavailableError(ProblemError):
    """Refused for now: try again later with the same idempotency key."""

    slug = "unavailable"
    title = "Not now"
    status = HTTPStatus.SERVICE_UNAVAILABLE
    retry_after_s: ClassVar[int] = 5


class ThrottledError(ProblemError):
    """Too many requests from one who asks: the next is taken after ``retry_after_s`` seconds."""

    slug = "too-many-requests"
    title = "Too many requests"
    status = HTTPStatus.TOO_MANY_REQUESTS

    def __init__(self, detail: str, *, retry_after_s: int = 60) -> None:
        """Keep when to ask again."""
        super().__init__(detail)
        self.retry_after_s = retry_after_s
