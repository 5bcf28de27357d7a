-- Whether the organisation that acts is a member of a log now; the row itself it may not see.
CREATE FUNCTION system_fn.ledger_is_member(wanted bigint) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT EXISTS (SELECT FROM ledger_member
        WHERE log_id = wanted AND organisation_id = theriac_org() AND left_index IS NULL)
$$;
REVOKE EXECUTE ON FUNCTION system_fn.ledger_is_member(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION system_fn.ledger_is_member(bigint) TO theriac_app;

-- Opens a further log, in the transaction of the operator that announces it; nobody else may.
CREATE FUNCTION system_fn.ledger_log_open(
    name text, origin text, vkey text, receipt_key_id text, receipt_public_key bytea,
    members_only boolean, announced_id bytea, opening_key bytea, created_at timestamptz
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE made bigint;
BEGIN
    IF theriac_org() IS DISTINCT FROM (SELECT operator_id FROM ledger_log ORDER BY id LIMIT 1) THEN
        RAISE EXCEPTION 'only the operator of the deployment opens channels'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    INSERT INTO ledger_log (name, origin, vkey, operator_id, receipt_key_id, receipt_public_key,
        members_only, announced_id, opening_key, created_at)
    VALUES (name, origin, vkey, theriac_org(), receipt_key_id, receipt_public_key,
        members_only, announced_id, opening_key, created_at)
    RETURNING id INTO made;
    RETURN made;
END $$;
REVOKE EXECUTE ON FUNCTION system_fn.ledger_log_open(
    text, text, text, text, bytea, boolean, bytea, bytea, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION system_fn.ledger_log_open(
    text, text, text, text, bytea, boolean, bytea, bytea, timestamptz) TO theriac_app;
