"""What the law says where no consent speaks, as data.

One pack so far. Inside the organisation that holds a record, treatment, payment and operations
need no consent (45 CFR 164.506(c)); what is labelled as of a substance use disorder does
(42 CFR 2.31). Another organisation reads by consent alone.
"""

from records.core.consent_values import ACT_CODE, ACT_REASON, JurisdictionPack
from records.core.fhir_json import Coding

US = JurisdictionPack(
    id="us-tpo",
    version="1",
    default_purposes=frozenset(
        Coding(system=ACT_REASON, code=code) for code in ("TREAT", "HPAYMT", "HOPERAT")
    ),
    default_forbidden_labels=frozenset(
        Coding(system=ACT_CODE, code=code) for code in ("ETH", "ETHUD", "OPIOIDUD")
    ),
)
