"""What callers of claims can do something about."""

from foundation.core.problem import ConflictError, ForbiddenError, UnprocessableError


class ContractStateError(ConflictError):
    """The contract does not stand where this step begins; the detail says what is missing."""

    slug = "contract-state"
    title = "The contract is not ready for this"


class PayerTakenError(ConflictError):
    """Another insurer has an active contract of this payer."""

    slug = "payer-taken"
    title = "This payer's claims go to another insurer"


class AlreadyDecidedError(ConflictError):
    """The claim is decided; a decision is final."""

    slug = "claim-already-decided"
    title = "The claim is decided already"


class BeingDecidedError(ConflictError):
    """Another request is deciding the claim at this moment."""

    slug = "claim-being-decided"
    title = "The claim is being decided"


class UndecidedError(ConflictError):
    """The claim has no final decision yet, so there is nothing to remit."""

    slug = "claim-undecided"
    title = "The claim is not decided yet"


class NoContractError(UnprocessableError):
    """No active contract of the payer is in force for the claim's dates."""

    slug = "no-contract-in-force"
    title = "No contract is in force for this claim"


class NotTheBillerError(ForbiddenError):
    """Who sends the claim does not bill it, nor is it an insurer's to take itself."""

    slug = "not-the-biller"
    title = "A claim is sent by who bills it"


class UnknownPayerError(UnprocessableError):
    """No insurer of the channel decides this payer's claims."""

    slug = "unknown-payer"
    title = "Nobody here decides this payer's claims"


class MixedPayersError(UnprocessableError):
    """An interchange holds claims for several insurers."""

    slug = "mixed-payers"
    title = "Send one interchange for each insurer"


class NoPayerProfileError(UnprocessableError):
    """The insurer has not said how it names itself in an 835."""

    slug = "no-payer-profile"
    title = "The insurer's name and address for remittances are missing"
