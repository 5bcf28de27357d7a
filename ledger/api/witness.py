"""The witness over HTTP (C2SP tlog-witness): add a checkpoint, read the last cosigned one.

Public and without an account: what is cosigned is decided by the log's own signature. No session
is read and no cookie set, so there is nothing that another site could forge.
"""

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from foundation.core.actor import PUBLIC
from foundation.core.problem import BadInputError, NotFoundError, ProblemError, TooLargeError
from foundation.tenancy import acting_as
from ledger.core.witness import ADD_CHECKPOINT_SIZE_BYTES_MAX, SIZE_MEDIA_TYPE, Outcome
from ledger.errors import CheckpointInconsistentError, CheckpointUnsignedError
from ledger.services.witness import checkpoint_cosign, cosigned_checkpoint

TEXT = "text/plain; charset=utf-8"
_PROBLEMS: dict[HTTPStatus, type[ProblemError]] = {
    HTTPStatus.BAD_REQUEST: BadInputError,
    HTTPStatus.FORBIDDEN: CheckpointUnsignedError,
    HTTPStatus.NOT_FOUND: NotFoundError,
    HTTPStatus.UNPROCESSABLE_ENTITY: CheckpointInconsistentError,
}


@csrf_exempt
@require_POST
def add_checkpoint(request: HttpRequest) -> HttpResponse:
    """Cosign a checkpoint that extends the last one; the status says why not."""
    # Before the body is read: the header is a number, our outermost layer saw to that.
    if int(request.headers.get("Content-Length") or 0) > ADD_CHECKPOINT_SIZE_BYTES_MAX:
        raise TooLargeError(
            f"at most {ADD_CHECKPOINT_SIZE_BYTES_MAX} bytes are read here",
            limit=ADD_CHECKPOINT_SIZE_BYTES_MAX,
        )
    answer = checkpoint_cosign(data=request.body, now=timezone.now())
    if answer.outcome.status == HTTPStatus.OK:
        return HttpResponse(f"{answer.line}\n", content_type=TEXT)
    return _refusal(answer.outcome)


@require_safe
def checkpoint(request: HttpRequest, origin_hash: str) -> HttpResponse:  # noqa: ARG001 - Django's
    """Return the last cosigned checkpoint of a log, with its signatures and the witness'."""
    with acting_as(PUBLIC):
        note = cosigned_checkpoint(origin_hash)
    response = HttpResponse(note, content_type=TEXT)
    response["Cache-Control"] = "public, max-age=1"
    return response


def _refusal(outcome: Outcome) -> HttpResponse:
    if outcome.size is not None:
        return HttpResponse(
            f"{outcome.size}\n", status=outcome.status, content_type=SIZE_MEDIA_TYPE
        )
    raise _PROBLEMS[outcome.status](outcome.detail)
