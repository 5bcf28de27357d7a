-- Store what the fold made of locked items. The amounts are counted here, from the events; a
-- state that says otherwise is refused, and so is a dispensing that counts though the item was
-- not there or was empty, and an event in another's name.
CREATE OR REPLACE FUNCTION system_fn.provenance_store(states jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE wanted text[]; refused boolean;
BEGIN
    wanted := ARRAY(SELECT one ->> 'epc' FROM jsonb_array_elements(states) AS one);
    PERFORM system_fn.provenance_check_touched(wanted);
    IF EXISTS (
        SELECT FROM system_fn.provenance_fresh() AS fresh
        JOIN provenance_eventitem AS item ON item.event_id = fresh.id
        LEFT JOIN accounts_organisation AS member ON member.id = fresh.organisation_id
        WHERE item.view ->> 'party_gln' IS DISTINCT FROM member.gln
           OR ((item.view ->> 'authority')::boolean AND member.kind <> 'regulator')
    ) THEN
        RAISE EXCEPTION 'an event in another''s name' USING ERRCODE = 'insufficient_privilege';
    END IF;

    DELETE FROM provenance_itemexception WHERE epc = ANY (wanted);
    INSERT INTO provenance_itemexception (epc, event_id, exception_class, detail)
    SELECT one ->> 'epc', item.event_id, broke ->> 'class', broke ->> 'detail'
    FROM jsonb_array_elements(states) AS one
    CROSS JOIN jsonb_array_elements(one -> 'broken') WITH ORDINALITY AS found (broke, place)
    JOIN provenance_eventitem AS item
      ON item.epc = one ->> 'epc' AND item.event_id = (broke ->> 'event')::bigint
    ORDER BY 1, found.place;

    -- The events are read and put in order once: for the books, the checks and what is stored.
    WITH moved AS MATERIALIZED (SELECT * FROM system_fn.provenance_movements(wanted)),
    held AS (
        SELECT DISTINCT ON (moved.epc) moved.epc, coalesce(moved.quantity, 1) AS content
        FROM moved WHERE moved.kind = 'in' ORDER BY moved.epc, moved.place
    ),
    given AS (
        SELECT moved.epc, bool_or(moved.quantity IS NULL) AS emptied,
            coalesce(sum(moved.quantity), 0) AS total
        FROM moved WHERE moved.kind = 'out' GROUP BY moved.epc
    ),
    books AS MATERIALIZED (
        SELECT one ->> 'epc' AS epc, one -> 'custody' AS custody,
            coalesce(held.content, 0) AS content,
            CASE WHEN given.emptied THEN greatest(held.content, given.total)
                ELSE coalesce(given.total, 0) END AS dispensed
        FROM jsonb_array_elements(states) AS one
        LEFT JOIN held ON held.epc = one ->> 'epc'
        LEFT JOIN given ON given.epc = one ->> 'epc'
    ),
    stored AS (
        UPDATE provenance_itemstate AS state
        SET custody = books.custody, dispensed = books.dispensed
        FROM books WHERE state.epc = books.epc
    )
    SELECT EXISTS (
        SELECT FROM books
        WHERE (books.custody ->> 'content')::numeric <> books.content
           OR (books.custody ->> 'balance')::numeric <> books.content - books.dispensed
           OR books.dispensed > books.content
    ) OR EXISTS (
        SELECT FROM moved AS gave
        WHERE gave.kind = 'out'
          AND (gave.holder IS DISTINCT FROM gave.party OR gave.before IN ('away', 'emptied'))
    ) INTO refused;
    IF refused THEN
        RAISE EXCEPTION 'a state that the events of the item do not give'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
END $$;
