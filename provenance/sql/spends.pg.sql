-- What was dispensed for prescriptions, as far as others may know it, and what is paid for.

-- All events of the items that the acting pharmacy gave from: what evidence is made of.
CREATE FUNCTION system_fn.provenance_dispensed_views(wanted bigint[])
RETURNS TABLE (epc text, sequence bigint, entry_id text, view jsonb)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT * FROM system_fn.provenance_recorded(ARRAY(
        SELECT DISTINCT gave.epc::text FROM provenance_dispensing AS gave
        WHERE gave.id = ANY (wanted) AND gave.organisation_id = theriac_org()
    ))
$$;

-- Of these dispensings (entry and item), how much was given, and how much of it nobody has paid
-- for; nothing where the event broke a rule or was declared wrong.
CREATE FUNCTION system_fn.provenance_amounts(wanted bigint[])
RETURNS TABLE (dispensing bigint, given numeric, remaining numeric)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH gave AS MATERIALIZED (
        SELECT one.id, one.epc::text AS epc, one.event_id
        FROM provenance_dispensing AS one WHERE one.id = ANY (wanted)
    ),
    items AS MATERIALIZED (SELECT array_agg(DISTINCT gave.epc) AS epcs FROM gave),
    moved AS MATERIALIZED (
        SELECT moved.* FROM items, system_fn.provenance_movements(items.epcs) AS moved
        WHERE moved.kind = 'out'
    ),
    books AS MATERIALIZED (
        SELECT books.* FROM items, system_fn.provenance_books(items.epcs) AS books
    ),
    counted AS (
        SELECT gave.id, gave.epc, books.dispensed, coalesce(
            CASE WHEN moved.epc IS NULL THEN 0 ELSE moved.quantity END,
            -- Without a quantity it took all that the others left.
            books.content - (
                SELECT coalesce(sum(other.quantity), 0) FROM moved AS other
                WHERE other.epc = gave.epc
            )
        ) AS given
        FROM gave
        JOIN books ON books.epc = gave.epc
        LEFT JOIN moved ON moved.epc = gave.epc AND moved.sequence = gave.event_id
    )
    SELECT counted.id, counted.given, greatest(0, least(
        counted.given - (SELECT coalesce(sum(paid.quantity), 0) FROM provenance_spend AS paid
            WHERE paid.dispensing_id = counted.id),
        counted.dispensed - (SELECT coalesce(sum(paid.quantity), 0) FROM provenance_spend AS paid
            WHERE paid.epc = counted.epc)
    ))
    FROM counted
$$;

-- The same for the acting pharmacy's own dispensings.
CREATE FUNCTION system_fn.provenance_amounts_own(wanted bigint[])
RETURNS TABLE (dispensing bigint, given numeric, remaining numeric)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT * FROM system_fn.provenance_amounts(ARRAY(
        SELECT gave.id FROM provenance_dispensing AS gave
        WHERE gave.id = ANY (wanted) AND gave.organisation_id = theriac_org()
    ))
$$;

-- The same for dispensings that the acting organisation was told of, held until its transaction
-- ends: what it reads here is what it can still pay for.
CREATE FUNCTION system_fn.provenance_amounts_told(entries bytea[], items text[])
RETURNS TABLE (entry_id bytea, epc text, given numeric, remaining numeric)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE told bigint[];
BEGIN
    told := ARRAY(
        SELECT gave.id FROM unnest(entries, items) AS asked (entry_id, epc)
        JOIN provenance_dispensing AS gave
          ON gave.entry_id = asked.entry_id AND gave.epc = asked.epc
        WHERE EXISTS (
            SELECT FROM provenance_disclosure AS one
            WHERE one.dispensing_id = gave.id AND one.to_organisation_id = theriac_org()
        )
    );
    PERFORM FROM provenance_itemstate AS state
    WHERE state.epc IN (SELECT gave.epc FROM provenance_dispensing AS gave WHERE gave.id = ANY (told))
    ORDER BY state.epc FOR UPDATE;
    RETURN QUERY
        SELECT gave.entry_id, gave.epc::text, amounts.given, amounts.remaining
        FROM system_fn.provenance_amounts(told) AS amounts
        JOIN provenance_dispensing AS gave ON gave.id = amounts.dispensing;
END $$;

-- Pay for so much of a dispensing that the acting organisation was told of: false where less was
-- given, or is not yet paid for. The item's lock makes concurrent payers wait for each other.
CREATE FUNCTION system_fn.provenance_spend(
    by_entry bytea, gave_entry bytea, item text, paid numeric, for_claim uuid, for_line integer
) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM system_fn.provenance_amounts_told(ARRAY[gave_entry], ARRAY[item]) AS amounts
        WHERE amounts.remaining >= paid
    ) THEN
        RETURN false;
    END IF;
    INSERT INTO provenance_spend
        (organisation_id, entry_id, dispensing_id, epc, claim, line, quantity)
    SELECT theriac_org(), by_entry, gave.id, gave.epc, for_claim, for_line, paid
    FROM provenance_dispensing AS gave WHERE gave.entry_id = gave_entry AND gave.epc = item;
    RETURN true;
END $$;

REVOKE EXECUTE ON FUNCTION system_fn.provenance_dispensed_views(bigint[]),
    system_fn.provenance_amounts(bigint[]),
    system_fn.provenance_amounts_own(bigint[]),
    system_fn.provenance_amounts_told(bytea[], text[]),
    system_fn.provenance_spend(bytea, bytea, text, numeric, uuid, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION system_fn.provenance_dispensed_views(bigint[]),
    system_fn.provenance_amounts_own(bigint[]),
    system_fn.provenance_amounts_told(bytea[], text[]),
    system_fn.provenance_spend(bytea, bytea, text, numeric, uuid, integer) TO theriac_app;
