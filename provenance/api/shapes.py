"""Shapes of the bodies, for the API's documentation; core checks what comes in."""

from typing import Any, Final

from rest_framework import serializers

from provenance.core.verdict import Answer, Question

EVENT_EXAMPLE: Final = {
    "@context": "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",
    "type": "ObjectEvent",
    "eventID": "urn:uuid:3f2b8c1e-7a4d-4b0e-9c55-0d6f1a2b3c4d",
    "eventTime": "2026-11-24T08:00:00Z",
    "eventTimeZoneOffset": "+00:00",
    "action": "OBSERVE",
    "bizStep": "receiving",
    "epcList": ["https://id.gs1.org/01/00300010123455/21/A1"],
}
EVENT: Final[dict[str, Any]] = {
    "type": "object",
    "description": "One event of EPCIS 2.0 (JSON-LD), with its @context.",
    "required": ["type", "eventTime", "eventTimeZoneOffset"],
    "properties": {
        "@context": {},
        "type": {"type": "string", "enum": ["ObjectEvent", "AggregationEvent"]},
        "eventID": {"type": "string"},
        "eventTime": {"type": "string", "format": "date-time"},
        "eventTimeZoneOffset": {"type": "string", "pattern": "^[+-][0-9]{2}:[0-9]{2}$"},
        "action": {"type": "string", "enum": ["ADD", "OBSERVE", "DELETE"]},
        "bizStep": {"type": "string"},
        "epcList": {"type": "array", "items": {"type": "string"}},
    },
    "example": EVENT_EXAMPLE,
}
EVENTS: Final[dict[str, Any]] = {
    "type": "object",
    "description": "An EPCISQueryDocument of the standard.",
    "required": ["@context", "type", "schemaVersion", "epcisBody"],
    "properties": {
        "@context": {"type": "string"},
        "type": {"type": "string", "enum": ["EPCISQueryDocument"]},
        "schemaVersion": {"type": "string"},
        "epcisBody": {
            "type": "object",
            "required": ["queryResults"],
            "properties": {
                "queryResults": {
                    "type": "object",
                    "required": ["queryName", "resultsBody"],
                    "properties": {
                        "queryName": {"type": "string"},
                        "resultsBody": {
                            "type": "object",
                            "required": ["eventList"],
                            "properties": {
                                "eventList": {"type": "array", "items": EVENT},
                            },
                        },
                    },
                }
            },
        },
    },
}


class ScanIn(serializers.Serializer[object]):
    """What a scanner read, and what one wants to do with the item."""

    scan = serializers.CharField(max_length=8192, trim_whitespace=False)
    question = serializers.ChoiceField([each.value for each in Question], required=False)


class VerdictOut(serializers.Serializer[object]):
    """The answer, the rule that gave it, and the ids of the entries that prove it."""

    answer = serializers.ChoiceField([each.value for each in Answer])
    rule = serializers.CharField()
    text = serializers.CharField()
    next_step = serializers.CharField()
    evidence = serializers.ListField(child=serializers.CharField())
