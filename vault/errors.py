"""What the vault refuses."""

from http import HTTPStatus
from uuid import UUID

from foundation.core.problem import ConflictError, NotFoundError, ProblemError


class UnknownSubjectError(NotFoundError):
    """The organisation keeps no such subject."""

    slug = "unknown-subject"
    title = "There is no such person here"


class UnknownItemError(NotFoundError):
    """The organisation keeps no such item."""

    slug = "unknown-item"
    title = "There is no such item here"


class UnreadableItemError(ProblemError):
    """The item does not open, or is not what was committed to: damaged or moved.

    ``item_id`` is which, where it is one item and no key above it: for its keeper, not for who
    asked.
    """

    slug = "unreadable-item"
    title = "The item cannot be read"
    item_id: UUID | None = None


class RootGoneError(UnreadableItemError):
    """The root that wraps it is destroyed; who read before a rotation reads again."""


class ErasedError(ProblemError):
    """It was erased, and nobody can bring it back; ``entry`` is the ledger's word for it."""

    slug = "erased"
    title = "This was erased"
    status = HTTPStatus.GONE


class ErasureStateError(ConflictError):
    """The erasure does not stand where this step begins."""

    slug = "erasure-state"
    title = "The erasure is not ready for this"
