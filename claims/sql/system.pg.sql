-- Whose claims go to which insurer: the one with an active contract of the payer. The system's,
-- because providers see no contracts of insurers.
CREATE FUNCTION system_fn.claims_insurer_of(wanted text) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT contract.organisation_id
    FROM claims_contract AS contract
    JOIN claims_contractactivation AS activation ON activation.contract_id = contract.id
    WHERE contract.payer = wanted
    ORDER BY activation.id
    LIMIT 1
$$;
REVOKE EXECUTE ON FUNCTION system_fn.claims_insurer_of(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION system_fn.claims_insurer_of(text) TO theriac_app;
