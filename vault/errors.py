"""What the vault refuses."""

from foundation.core.problem import NotFoundError, ProblemError


class UnknownSubjectError(NotFoundError):
    """The organisation keeps no such subject."""

    slug = "unknown-subject"
    title = "There is no such person here"


class UnknownItemError(NotFoundError):
    """The organisation keeps no such item."""

    slug = "unknown-item"
    title = "There is no such item here"


class UnreadableItemError(ProblemError):
    """The item does not open, or is not what was committed to: damaged, moved, or erased."""

    slug = "unreadable-item"
    title = "The item cannot be read"
