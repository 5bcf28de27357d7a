-- Pay for so much of an item, as the acting organisation: false where less was dispensed and is
-- not yet paid for. The item's lock makes concurrent payers wait for each other.
CREATE FUNCTION system_fn.provenance_spend(
    wanted text, paid numeric, for_claim uuid, by_entry bytea
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE has numeric; spent numeric;
BEGIN
    SELECT dispensed INTO has FROM provenance_itemstate WHERE epc = wanted FOR UPDATE;
    SELECT coalesce(sum(quantity), 0) INTO spent FROM provenance_spend WHERE epc = wanted;
    IF spent + paid > coalesce(has, 0) THEN
        RETURN false;
    END IF;
    INSERT INTO provenance_spend (organisation_id, entry_id, epc, claim, quantity)
    VALUES (theriac_org(), by_entry, wanted, for_claim, paid);
    RETURN true;
END $$;

REVOKE EXECUTE ON FUNCTION system_fn.provenance_spend(text, numeric, uuid, bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION system_fn.provenance_spend(text, numeric, uuid, bytea) TO theriac_app;
