"""What the event hash is made of, as data: the order of members, and the spelling of words.

Order and exceptions are those of the published reference of CBV 2.0 section 8.9.
"""

from typing import Final

CBV: Final = "https://ref.gs1.org/cbv/"
VOC: Final = "https://gs1.org/voc/"
# How a bare word or a URN of each vocabulary becomes a web URI.
URN_WORDS: Final = {
    "urn:epcglobal:cbv:bizstep:": f"{CBV}BizStep-",
    "urn:epcglobal:cbv:disp:": f"{CBV}Disp-",
    "urn:epcglobal:cbv:btt:": f"{CBV}BTT-",
    "urn:epcglobal:cbv:sdt:": f"{CBV}SDT-",
    "urn:epcglobal:cbv:er:": f"{CBV}ER-",
}
BARE_WORDS: Final = {
    "bizStep": f"{CBV}BizStep-",
    "disposition": f"{CBV}Disp-",
    "set": f"{CBV}Disp-",
    "unset": f"{CBV}Disp-",
    "component": f"{CBV}Comp-",
    "exception": VOC,
}
# The vocabulary of ``type`` depends on where it stands.
TYPE_WORDS: Final = {
    "bizTransactionList": f"{CBV}BTT-",
    "sourceList": f"{CBV}SDT-",
    "destinationList": f"{CBV}SDT-",
    "sensorReport": VOC,
}
# The order is data: names of members, and of what stands in each.
LIST_ITEMS: Final = {
    "epcList": "epc",
    "childEPCs": "epc",
    "inputEPCList": "epc",
    "outputEPCList": "epc",
}
QUANTITIES: Final = frozenset(
    {"quantityList", "childQuantityList", "inputQuantityList", "outputQuantityList"}
)
PAIRS: Final = {
    "bizTransactionList": "bizTransaction",
    "sourceList": "source",
    "destinationList": "destination",
}
EVENT_ORDER: Final = (
    "eventTime",
    "eventTimeZoneOffset",
    "certificationInfo",
    "parentID",
    "epcList",
    "inputEPCList",
    "childEPCs",
    "quantityList",
    "childQuantityList",
    "inputQuantityList",
    "outputEPCList",
    "outputQuantityList",
    "action",
    "transformationID",
    "bizStep",
    "disposition",
    "persistentDisposition",
    "readPoint",
    "bizLocation",
    "sensorElementList",
    "bizTransactionList",
    "destinationList",
    "ilmd",
    "sourceList",
)
METADATA_ORDER: Final = (
    "time",
    "startTime",
    "endTime",
    "deviceID",
    "deviceMetadata",
    "rawData",
    "dataProcessingMethod",
    "bizRules",
)
REPORT_ORDER: Final = (
    "type",
    "exception",
    "deviceID",
    "deviceMetadata",
    "rawData",
    "dataProcessingMethod",
    "time",
    "microorganism",
    "chemicalSubstance",
    "value",
    "component",
    "stringValue",
    "booleanValue",
    "hexBinaryValue",
    "uriValue",
    "minValue",
    "maxValue",
    "meanValue",
    "sDev",
    "percRank",
    "percValue",
    "uom",
    "coordinateReferenceSystem",
)
# Keys whose links are put into canonical form, and the qualifiers that count, the finest first.
KEYS: Final = frozenset(
    {"00", "01", "253", "255", "401", "402", "414", "417"}
    | {"8003", "8004", "8006", "8010", "8017", "8018"}
)
FINEST: Final = ("21", "235", "10", "254", "8011")
FROM_URN: Final = {ord(character): f"%{ord(character):02X}" for character in "!()*+,:"}
