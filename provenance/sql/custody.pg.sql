-- What crosses organisations: the fold over an item's events and its state. The fold runs in the
-- app; these functions give it its input, and take a state only where the events they read
-- themselves allow it (docs/adr/0004).

-- Take the items' turn until the transaction ends, in one order, so that nobody waits in a ring.
CREATE FUNCTION system_fn.provenance_lock(wanted text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO provenance_itemstate (epc, custody, dispensed)
    SELECT DISTINCT epc, '{}'::jsonb, 0 FROM unnest(wanted) AS epc ORDER BY epc
    ON CONFLICT DO NOTHING;
    PERFORM FROM provenance_itemstate WHERE epc = ANY (wanted) ORDER BY epc FOR UPDATE;
END $$;

-- The events that the acting organisation recorded in this very transaction.
CREATE FUNCTION system_fn.provenance_fresh() RETURNS SETOF provenance_event
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT event.*
    FROM ledger_pending AS pending
    JOIN ledger_entry AS entry ON entry.submission_id = pending.submission_id
    JOIN provenance_event AS event ON event.entry_id = entry.entry_id
    WHERE pending.xact = pg_current_xact_id()
      AND pending.organisation_id = theriac_org()
      AND event.organisation_id = theriac_org()
$$;

-- Refuse unless each of these items is in such an event, or in one that such an event declares
-- wrong.
CREATE FUNCTION system_fn.provenance_check_touched(wanted text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (
        SELECT unnest(wanted)
        EXCEPT
        SELECT item.epc
        FROM system_fn.provenance_fresh() AS fresh
        JOIN provenance_event AS meant
          ON meant.id = fresh.id
          OR (fresh.declares_error
              AND NOT meant.declares_error
              AND meant.organisation_id = fresh.organisation_id
              AND meant.event_id = fresh.event_id)
        JOIN provenance_eventitem AS item ON item.event_id = meant.id
    ) THEN
        RAISE EXCEPTION 'an item that no event of this transaction touches'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
END $$;

-- What was recorded of the items, by whomever, but for events that their makers declared wrong.
CREATE FUNCTION system_fn.provenance_recorded(wanted text[])
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

-- The input of the fold, for items that the acting organisation records something of, right now.
CREATE FUNCTION system_fn.provenance_views(wanted text[])
RETURNS TABLE (epc text, sequence bigint, entry_id text, view jsonb)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM system_fn.provenance_check_touched(wanted);
    RETURN QUERY SELECT * FROM system_fn.provenance_recorded(wanted);
END $$;

-- The events of these items that move them or what is in them, as far as they broke no rule, in
-- the fold's own order; ``holder`` had taken the item in last before.
CREATE FUNCTION system_fn.provenance_movements(wanted text[])
RETURNS TABLE (
    epc text, sequence bigint, kind text, party text, quantity numeric, place bigint, holder text,
    before text
)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH recorded AS (
        SELECT one.epc, one.sequence, one.view ->> 'party_gln' AS party,
            (one.view ->> 'quantity')::numeric AS quantity,
            (one.view ->> 'event_time')::timestamptz AS event_time,
            CASE
                WHEN one.view ->> 'role' = 'parent' AND one.view ->> 'action' = 'ADD' THEN 'in'
                WHEN one.view ->> 'role' <> 'subject' THEN NULL
                WHEN one.view ->> 'biz_step' IN ('commissioning', 'receiving') THEN 'in'
                WHEN one.view ->> 'biz_step' IN ('dispensing', 'retail_selling') THEN 'out'
                WHEN one.view ->> 'biz_step' = 'shipping' THEN 'away'
                WHEN one.view ->> 'biz_step' = 'void_shipping' THEN 'back'
            END AS kind
        FROM system_fn.provenance_recorded(wanted) AS one
    ),
    moved AS (
        SELECT recorded.*,
            row_number() OVER (PARTITION BY epc ORDER BY event_time, sequence) AS place
        FROM recorded
        WHERE kind IS NOT NULL AND NOT EXISTS (
            SELECT FROM provenance_itemexception AS broke
            WHERE broke.epc = recorded.epc AND broke.event_id = recorded.sequence
              AND broke.exception_class <> 'late_event'
        )
    )
    SELECT moved.epc, moved.sequence, moved.kind, moved.party, moved.quantity, moved.place,
        (array_agg(moved.party) FILTER (WHERE moved.kind = 'in') OVER earlier)[
            count(*) FILTER (WHERE moved.kind = 'in') OVER earlier],
        lag(CASE WHEN moved.kind = 'out' AND moved.quantity IS NULL THEN 'emptied'
            ELSE moved.kind END) OVER (PARTITION BY moved.epc ORDER BY moved.place)
    FROM moved
    WINDOW earlier AS (
        PARTITION BY moved.epc ORDER BY moved.place
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    )
$$;

-- How much each item held at first, and how much of it was dispensed lawfully. A dispensing
-- without a quantity takes all that is left.
CREATE FUNCTION system_fn.provenance_books(wanted text[])
RETURNS TABLE (epc text, content numeric, dispensed numeric)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH moved AS MATERIALIZED (SELECT * FROM system_fn.provenance_movements(wanted)),
    held AS (
        SELECT DISTINCT ON (moved.epc) moved.epc, coalesce(moved.quantity, 1) AS content
        FROM moved WHERE moved.kind = 'in' ORDER BY moved.epc, moved.place
    ),
    given AS (
        SELECT moved.epc, bool_or(moved.quantity IS NULL) AS emptied,
            coalesce(sum(moved.quantity), 0) AS total
        FROM moved WHERE moved.kind = 'out' GROUP BY moved.epc
    )
    SELECT asked.epc, coalesce(held.content, 0),
        CASE WHEN given.emptied THEN greatest(held.content, given.total)
            ELSE coalesce(given.total, 0) END
    FROM unnest(wanted) AS asked (epc)
    LEFT JOIN held ON held.epc = asked.epc
    LEFT JOIN given ON given.epc = asked.epc
$$;

-- Store what the fold made of locked items. The amounts are counted here, from the events; a
-- state that says otherwise is refused, and so is a dispensing that counts though the item was
-- not there or was empty, and an event in another's name.
CREATE FUNCTION system_fn.provenance_store(states jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE wanted text[];
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

    IF EXISTS (
        SELECT FROM jsonb_array_elements(states) AS one
        JOIN system_fn.provenance_books(wanted) AS books ON books.epc = one ->> 'epc'
        WHERE (one #>> '{custody,content}')::numeric <> books.content
           OR (one #>> '{custody,balance}')::numeric <> books.content - books.dispensed
           OR books.dispensed > books.content
    ) OR EXISTS (
        SELECT FROM system_fn.provenance_movements(wanted) AS gave
        WHERE gave.kind = 'out'
          AND (gave.holder IS DISTINCT FROM gave.party OR gave.before IN ('away', 'emptied'))
    ) THEN
        RAISE EXCEPTION 'a state that the events of the item do not give'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;

    UPDATE provenance_itemstate AS state
    SET custody = one -> 'custody', dispensed = books.dispensed
    FROM jsonb_array_elements(states) AS one
    JOIN system_fn.provenance_books(wanted) AS books ON books.epc = one ->> 'epc'
    WHERE state.epc = one ->> 'epc';
END $$;

-- As much of an item's state as a verdict for the acting organisation needs: whether it is here,
-- on its way here, elsewhere; never where, nor how much is in it.
CREATE FUNCTION system_fn.provenance_glimpse(wanted text) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT state.custody || jsonb_build_object(
        'commissioned_by', left(state.custody ->> 'commissioned_by', 0),
        'owner_gln', NULL,
        'holder_gln', CASE WHEN state.custody ->> 'holder_gln' = me.gln THEN me.gln
            ELSE left(state.custody ->> 'holder_gln', 0) END,
        'in_transit_to', CASE WHEN state.custody ->> 'in_transit_to' = me.gln THEN me.gln
            ELSE left(state.custody ->> 'in_transit_to', 0) END,
        'next_owner_gln', NULL,
        'parent', NULL,
        'disposition', NULL,
        'last_event_time', NULL,
        'content', sign((state.custody ->> 'content')::numeric)::text,
        'balance', sign((state.custody ->> 'balance')::numeric)::text
    )
    FROM provenance_itemstate AS state
    LEFT JOIN accounts_organisation AS me ON me.id = theriac_org()
    WHERE state.epc = wanted AND state.custody <> '{}'
$$;

REVOKE EXECUTE ON FUNCTION system_fn.provenance_lock(text[]),
    system_fn.provenance_fresh(),
    system_fn.provenance_check_touched(text[]),
    system_fn.provenance_recorded(text[]),
    system_fn.provenance_views(text[]),
    system_fn.provenance_movements(text[]),
    system_fn.provenance_books(text[]),
    system_fn.provenance_store(jsonb),
    system_fn.provenance_glimpse(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION system_fn.provenance_lock(text[]),
    system_fn.provenance_views(text[]),
    system_fn.provenance_store(jsonb),
    system_fn.provenance_glimpse(text) TO theriac_app;
