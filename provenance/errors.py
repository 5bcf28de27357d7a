"""What callers of provenance can do something about."""

from typing import Final

from foundation.core.problem import ConflictError, UnprocessableError

NO_GLN: Final = (
    "your operator, or a regulator of your channel, looks your GLN up and records it:"
    " POST /api/v1/credentials with the type GLN (docs/howto/get-a-gln.md)"
)


class NoGlnError(UnprocessableError):
    """The acting organisation has no GLN: custody would not know who it is."""

    slug = "no-gln"
    title = "Your organisation has no GLN"


class EventIdTakenError(ConflictError):
    """The id belongs to another event of this organisation; ``event_indices`` says whose."""

    slug = "event-id-taken"
    title = "Another event has this eventID"


class PatientMissingError(UnprocessableError):
    """A dispensing says more than what was given, and not to whom; ``event_index`` names it."""

    slug = "patient-missing"
    title = "Whom the dispensing is about is not said"


class OverspentError(ConflictError):
    """More would be paid for than was dispensed; ``epc`` names the item."""

    slug = "overspent"
    title = "More would be paid for than was dispensed"
