"""What can go wrong on a member's machine, each with the exit status that its command ends with."""

from typing import ClassVar


class ClientError(Exception):
    """An anticipated error; the message is one line and says what to do."""

    status: ClassVar[int] = 2


class UnreachableError(ClientError):
    """No answer, or not a whole one: nothing is known, and nothing is anybody's fault."""


class AnswerError(ClientError):
    """The answer is not what was asked for, or is over its limit."""


class StateError(ClientError):
    """A file of the state folder is missing, damaged, or cannot be written."""


class DocumentError(ClientError):
    """The document cannot be sealed."""


class PassphraseError(ClientError):
    """The passphrase is missing, or does not open the key."""


class RefusedError(ClientError):
    """The server refused the request for good: nothing of it is in the log."""

    status = 1


class PromiseError(ClientError):
    """The server's word does not hold: a receipt, a place, or the head of a key's chain."""

    status = 1


class PendingError(ClientError):
    """It was sent and not answered, or its time is not up: nothing is lost, run it again."""

    status = 3
