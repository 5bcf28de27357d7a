-- Questions that policies ask about the acting organisation. The system's, because a policy of a
-- table that asks the table itself would never end.
CREATE FUNCTION system_fn.accounts_operates() RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT EXISTS (SELECT FROM ledger_log WHERE operator_id = theriac_org())
$$;

-- Credentials are verified by the operator and by regulators.
CREATE FUNCTION system_fn.accounts_verifies() RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT EXISTS (SELECT FROM ledger_log WHERE operator_id = theriac_org())
        OR EXISTS (
            SELECT FROM accounts_organisation WHERE id = theriac_org() AND kind = 'regulator'
        )
$$;

REVOKE EXECUTE ON FUNCTION system_fn.accounts_operates(), system_fn.accounts_verifies()
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION system_fn.accounts_operates(), system_fn.accounts_verifies()
    TO theriac_app;
