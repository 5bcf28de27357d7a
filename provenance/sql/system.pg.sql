-- What crosses organisations: the fold over an item's events, its state, and what is paid for.

-- Take the items' turn until the transaction ends, in one order, so that nobody waits in a ring.
CREATE FUNCTION system_fn.provenance_lock(wanted text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO provenance_itemstate (epc, custody, dispensed)
    SELECT DISTINCT epc, '{}'::jsonb, 0 FROM unnest(wanted) AS epc ORDER BY epc
    ON CONFLICT DO NOTHING;
    PERFORM FROM provenance_itemstate WHERE epc = ANY (wanted) ORDER BY epc FOR UPDATE;
END $$;

-- All that was recorded of the items, by whomever, but for events that their makers declared
-- wrong.
CREATE FUNCTION system_fn.provenance_views(wanted text[])
RETURNS TABLE (epc text, sequence bigint, entry_id text, view jsonb)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT item.epc, event.id, encode(event.entry_id, 'hex'), item.view
    FROM provenance_eventitem AS item JOIN provenance_event AS event ON event.id = item.event_id
    WHERE item.epc = ANY (wanted)
      AND NOT EXISTS (
        SELECT FROM provenance_event AS wrong
        WHERE wrong.organisation_id = event.organisation_id
          AND wrong.event_id = event.event_id AND wrong.declares_error
      )
    ORDER BY event.id
$$;

CREATE FUNCTION system_fn.provenance_store(wanted text, state jsonb, used numeric, broken jsonb)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE provenance_itemstate SET custody = state, dispensed = used WHERE epc = wanted;
    DELETE FROM provenance_itemexception WHERE epc = wanted;
    INSERT INTO provenance_itemexception (epc, event_id, exception_class, detail)
    SELECT wanted, (one ->> 'event')::bigint, one ->> 'class', one ->> 'detail'
    FROM jsonb_array_elements(broken) AS one;
END $$;

CREATE FUNCTION system_fn.provenance_custody(wanted text) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT custody FROM provenance_itemstate WHERE epc = wanted
$$;

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

REVOKE EXECUTE ON FUNCTION system_fn.provenance_lock(text[]),
    system_fn.provenance_views(text[]),
    system_fn.provenance_store(text, jsonb, numeric, jsonb),
    system_fn.provenance_custody(text),
    system_fn.provenance_spend(text, numeric, uuid, bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION system_fn.provenance_lock(text[]),
    system_fn.provenance_views(text[]),
    system_fn.provenance_store(text, jsonb, numeric, jsonb),
    system_fn.provenance_custody(text),
    system_fn.provenance_spend(text, numeric, uuid, bytea) TO theriac_app;
