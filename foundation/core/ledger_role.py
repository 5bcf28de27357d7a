"""How a table relates to the ledger: every model declares one of these as ``ledger_role``."""

from enum import StrEnum


class LedgerRole(StrEnum):
    """The five kinds of table."""

    FACT = "fact"  # insert-only; NOT NULL entry_id; its content is covered by that entry
    PART = "part"  # a row of a fact's, insert-only like it
    PROJECTION = "projection"  # rebuildable from facts; a test rebuilds it
    PERSONAL = "personal"  # data of a person, in the vault; deletion needs an erasure entry
    OPERATIONAL = "operational"  # queues, sessions, settings: never evidence
