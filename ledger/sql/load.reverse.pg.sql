DROP FUNCTION system_fn.ledger_pending_load(bigint, integer);
CREATE FUNCTION system_fn.ledger_pending_count(wanted bigint, at_most integer) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT count(*) FROM (SELECT FROM ledger_pending WHERE log_id = wanted LIMIT at_most) AS waiting
$$;
REVOKE EXECUTE ON FUNCTION system_fn.ledger_pending_count(bigint, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION system_fn.ledger_pending_count(bigint, integer) TO theriac_app;
