DROP FUNCTION system_fn.ledger_log_open(
    text, text, text, text, bytea, boolean, bytea, bytea, timestamptz);
DROP FUNCTION system_fn.ledger_is_member(bigint);
