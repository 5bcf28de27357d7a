-- Personal data goes only with the entry that says so.

-- After DELETE (or UPDATE) on a personal table, per statement: every row that went is of a
-- person whose erasure this very transaction wrote, with its entry. The argument names the
-- column that holds the person. The search path is fixed: no temporary table stands in.
CREATE FUNCTION theriac_personal_needs_erasure() RETURNS trigger LANGUAGE plpgsql
SET search_path = public, pg_temp AS $$
DECLARE missing bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM gone WHERE NOT EXISTS (
        SELECT FROM vault_erasureexecution AS erased
        JOIN ledger_entry AS entry ON entry.entry_id = erased.entry_id
        JOIN ledger_pending AS pending ON pending.submission_id = entry.submission_id
        WHERE erased.organisation_id = gone.organisation_id
          AND erased.subject_id = gone.%I
          AND entry.organisation_id = gone.organisation_id
          AND entry.kind = ''vault.subject.erased.v1''
          AND pending.xact = pg_current_xact_id())', TG_ARGV[0]) INTO missing;
    IF missing > 0 THEN
        RAISE EXCEPTION '% of % rows of % without an erasure of this transaction is refused',
            TG_OP, missing, TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION theriac_refuse_truncate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'TRUNCATE on % is refused: a person is erased alone, with an entry',
        TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;

-- Declares a table of personal data. The app may delete; the trigger says when.
CREATE PROCEDURE theriac_personal(tbl regclass, subject name DEFAULT 'subject_id')
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER personal_needs_erasure AFTER DELETE ON %s
        REFERENCING OLD TABLE AS gone
        FOR EACH STATEMENT EXECUTE FUNCTION theriac_personal_needs_erasure(%L)', tbl, subject);
    EXECUTE format('CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON %s
        FOR EACH STATEMENT EXECUTE FUNCTION theriac_refuse_truncate()', tbl);
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER personal_needs_erasure', tbl);
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER refuse_truncate', tbl);
    EXECUTE format('GRANT DELETE ON %s TO theriac_app', tbl);
END $$;

-- An item's data key is wrapped anew only where a category of its person is erased: to wrap it
-- under a key that nobody has would be to delete it.
CREATE TRIGGER rewrap_needs_erasure AFTER UPDATE ON vault_personalitem
    REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION theriac_personal_needs_erasure('subject_id');
ALTER TABLE vault_personalitem ENABLE ALWAYS TRIGGER rewrap_needs_erasure;
