-- How many submissions wait, and their bytes, by anyone: the app sees only its own queue.
DROP FUNCTION system_fn.ledger_pending_count(bigint, integer);
CREATE FUNCTION system_fn.ledger_pending_load(
    wanted bigint, at_most integer, OUT submissions bigint, OUT bytes bigint
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT count(*), coalesce(sum(size_bytes), 0)
    FROM (SELECT size_bytes FROM ledger_pending WHERE log_id = wanted LIMIT at_most) AS waiting
$$;
REVOKE EXECUTE ON FUNCTION system_fn.ledger_pending_load(bigint, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION system_fn.ledger_pending_load(bigint, integer) TO theriac_app;
