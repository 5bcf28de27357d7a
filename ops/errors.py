"""What can go wrong around the product, said so that the reader knows what to do next."""


class OpsError(Exception):
    """Something outside the product is in the way; ``remedy`` says what the operator can do."""

    def __init__(self, message: str, *, remedy: str) -> None:
        """Keep what happened and what to do about it apart, for text and JSON alike."""
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        """Return both, on a line each."""
        return f"{self.message}\n  -> {self.remedy}"


class PortTakenError(OpsError):
    """Another program listens on the port."""


class DiskFullError(OpsError):
    """There is no room left for what must be written."""


class FolderPermissionError(OpsError):
    """A folder cannot be made, read or written by the account that needs it."""
