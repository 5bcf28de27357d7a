-- Who may do what with the ledger's tables, and that no fact comes without its entry.

-- Which transaction submitted: a fact must come in the same one. Not xmin, which differs when
-- the entry was written inside a savepoint.
ALTER TABLE ledger_pending ADD COLUMN xact xid8 NOT NULL DEFAULT pg_current_xact_id();

ALTER TABLE ledger_entry ADD CONSTRAINT entry_size CHECK (octet_length(content) BETWEEN 1 AND 65535);
ALTER TABLE ledger_entry ADD CONSTRAINT entry_position_from_1 CHECK (position >= 1);
ALTER TABLE ledger_checkpoint ADD CONSTRAINT checkpoint_grows CHECK (size > prev_size);

-- After INSERT on a fact's table, per statement: every new row names an entry of its own
-- organisation that this very transaction submitted.
CREATE FUNCTION theriac_fact_has_entry() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE missing bigint;
BEGIN
    SELECT count(*) INTO missing FROM fresh
    WHERE NOT EXISTS (
        SELECT FROM ledger_entry JOIN ledger_pending USING (submission_id)
        WHERE ledger_entry.entry_id = fresh.entry_id
          AND ledger_entry.organisation_id = fresh.organisation_id
          AND ledger_pending.xact = pg_current_xact_id()
    );
    IF missing > 0 THEN
        RAISE EXCEPTION '% of the new rows of % have no entry of this transaction',
            missing, TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;

-- Declares a table of facts: insert-only, and never without the entry.
CREATE PROCEDURE theriac_fact(tbl regclass) LANGUAGE plpgsql AS $$
BEGIN
    CALL theriac_insert_only(tbl);
    EXECUTE format('CREATE TRIGGER fact_has_entry AFTER INSERT ON %s
        REFERENCING NEW TABLE AS fresh
        FOR EACH STATEMENT EXECUTE FUNCTION theriac_fact_has_entry()', tbl);
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER fact_has_entry', tbl);
END $$;
