"""Packs and their events in GraphQL, by GS1's names: what the caller may know, and no more."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import graphene
import orjson
from django.utils import timezone

from accounts.core.scopes import Scope, check_scope
from foundation.core.problem import BadInputError
from foundation.graphql.types import Hash, JsonDocument, Page, actor_of, page_of, paged, wanted
from foundation.tenancy import acting_as
from provenance.core.custody_exception import EXCEPTION_GUIDE, ExceptionClass
from provenance.core.epc import parse_epc
from provenance.core.verdict import Answer, Question
from provenance.selectors import EventInfo, PackInfo, event_list, pack_get

SCAN_LENGTH_MAX = 8192
PACK_EVENTS_MAX = 100

VerdictQuestion = graphene.Enum.from_enum(Question, name="VerdictQuestion")
VerdictAnswer = graphene.Enum.from_enum(Answer, name="VerdictAnswer")


@dataclass(frozen=True, slots=True, kw_only=True)
class EventValue:
    """An event and its document, read once."""

    info: EventInfo
    members: dict[str, Any]


class EPCISEvent(graphene.ObjectType):
    """An EPCIS 2.0 event that the caller recorded or is a party to; ``document`` is all of it."""

    event_id = graphene.String(required=True, name="eventID")
    type = graphene.String(required=True)
    action = graphene.String()
    biz_step = graphene.String()
    disposition = graphene.String()
    event_time = graphene.String(required=True)
    organisation_id = graphene.UUID(required=True, description="who recorded it")
    entry_id = graphene.Field(Hash, required=True, description="its entry in the log")
    document = graphene.Field(JsonDocument, required=True)

    @staticmethod
    def resolve_event_id(event: EventValue, _info: Any) -> str:
        """Return the standard's eventID."""
        return event.info.event_id

    @staticmethod
    def resolve_type(event: EventValue, _info: Any) -> Any:
        """Return the kind of event."""
        return event.members["type"]

    @staticmethod
    def resolve_action(event: EventValue, _info: Any) -> Any:
        """Return ADD, OBSERVE or DELETE."""
        return event.members.get("action")

    @staticmethod
    def resolve_biz_step(event: EventValue, _info: Any) -> Any:
        """Return CBV's business step as recorded."""
        return event.members.get("bizStep")

    @staticmethod
    def resolve_disposition(event: EventValue, _info: Any) -> Any:
        """Return CBV's disposition as recorded."""
        return event.members.get("disposition")

    @staticmethod
    def resolve_event_time(event: EventValue, _info: Any) -> Any:
        """Return when it happened."""
        return event.members["eventTime"]

    @staticmethod
    def resolve_organisation_id(event: EventValue, _info: Any) -> UUID:
        """Return who recorded it."""
        return event.info.organisation_id

    @staticmethod
    def resolve_entry_id(event: EventValue, _info: Any) -> bytes:
        """Return the entry that commits to it."""
        return event.info.entry_id

    @staticmethod
    def resolve_document(event: EventValue, _info: Any) -> bytes:
        """Return the event as recorded."""
        return event.info.document


class Verdict(graphene.ObjectType):
    """The answer, the rule that gave it, and the entries that prove it."""

    answer = graphene.Field(VerdictAnswer, required=True)
    rule = graphene.String(required=True)
    text = graphene.String(required=True)
    next_step = graphene.String(required=True)
    evidence = graphene.List(graphene.NonNull(Hash), required=True)


class CustodyException(graphene.ObjectType):
    """A rule of custody that an event broke, what that means, and what to do."""

    exception_class = graphene.String(required=True)
    meaning = graphene.String(required=True)
    next_step = graphene.String(required=True)

    @staticmethod
    def resolve_exception_class(name: str, _info: Any) -> str:
        """Return the class."""
        return name

    @staticmethod
    def resolve_meaning(name: str, _info: Any) -> str:
        """Return what it means."""
        return EXCEPTION_GUIDE[ExceptionClass(name)][0]

    @staticmethod
    def resolve_next_step(name: str, _info: Any) -> str:
        """Return what to do."""
        return EXCEPTION_GUIDE[ExceptionClass(name)][1]


class Pack(graphene.ObjectType):
    """A serialised item as far as the caller may know of it; nobody learns who else holds it."""

    epc = graphene.String(required=True)
    verdict = graphene.Field(Verdict, required=True)
    exceptions = graphene.List(graphene.NonNull(CustodyException), required=True)
    events = graphene.List(
        graphene.NonNull(EPCISEvent),
        required=True,
        description=f"the last {PACK_EVENTS_MAX}, in the order of submission",
    )

    @staticmethod
    def resolve_events(pack: PackInfo, _info: Any) -> list[EventValue]:
        """Return the events with their documents read."""
        return _values(pack.events)


class Query(graphene.ObjectType):
    """What a member may ask of provenance."""

    pack = graphene.Field(
        Pack,
        epc=graphene.String(description="a GS1 Digital Link or an EPC URN"),
        scan=graphene.String(description="whatever a scanner read"),
        question=graphene.Argument(VerdictQuestion, default_value=Question.CHECK),
        description="One item: may it be taken in, sold or given, now? Send epc or scan.",
    )
    events = paged(
        EPCISEvent,
        "EPCISEvent",
        epc=graphene.String(description="those of this item"),
        description="Events that the caller sees, in the order of submission.",
    )

    @staticmethod
    def resolve_pack(
        _root: None,
        info: Any,
        question: Question | None,
        epc: str | None = None,
        scan: str | None = None,
    ) -> PackInfo:
        """Return what the caller may know of the item; raise a ``BadInputError``."""
        actor = actor_of(info)
        check_scope(actor, Scope.EPCIS_READ)
        if (epc is None) == (scan is None):
            raise BadInputError("send either epc or scan")
        text = parse_epc(epc).uri if epc is not None else str(scan)
        if not 1 <= len(text) <= SCAN_LENGTH_MAX:
            raise BadInputError(f"scan is a text of 1 to {SCAN_LENGTH_MAX} characters")
        return pack_get(
            actor=actor,
            scan=text,
            question=question or Question.CHECK,
            now=timezone.now(),
            events_max=PACK_EVENTS_MAX,
        )

    @staticmethod
    def resolve_events(
        _root: None, info: Any, first: int, after: str | None = None, epc: str | None = None
    ) -> Page[EventValue]:
        """Return a page of events; raise ``EpcError`` for what is no identifier."""
        actor = actor_of(info)
        check_scope(actor, Scope.EPCIS_READ)
        asked = wanted(first, after, int)
        uri = None if epc is None else parse_epc(epc).uri
        with acting_as(actor):
            rows = event_list(after=asked.key[0] if asked.key else 0, limit=asked.limit, epc=uri)
        return page_of(_values(rows), asked, lambda event: [event.info.sequence])


def _values(events: Sequence[EventInfo]) -> list[EventValue]:
    return [EventValue(info=info, members=orjson.loads(info.document)) for info in events]
