DROP FUNCTION system_fn.ledger_pending_count(bigint, integer);
