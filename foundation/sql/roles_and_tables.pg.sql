-- What a table may be used for, in one place. Every migration that makes a table calls these.
-- The roles theriac_owner, theriac_app and theriac_system exist before the first migration.

-- The settings of acting_as(actor). Unset is an error, and so is '' (what a setting of an
-- earlier transaction leaves behind): both close.
CREATE FUNCTION theriac_org() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT current_setting('app.org')::uuid $$;

CREATE FUNCTION theriac_person() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT current_setting('app.person')::uuid $$;

CREATE FUNCTION theriac_kind() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT current_setting('app.kind') $$;

CREATE FUNCTION theriac_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % is refused: the table is insert-only', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;

-- Nobody changes or deletes a row, TRUNCATE included (it skips row triggers and row security).
-- ALWAYS: also under session_replication_role = replica.
CREATE PROCEDURE theriac_insert_only(tbl regclass) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON %s
        FOR EACH STATEMENT EXECUTE FUNCTION theriac_refuse_change()', tbl);
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER refuse_change', tbl);
END $$;

-- Row-level security for the app: which rows it sees, which it may write. The system role sees
-- all, by policy and not by privilege. FORCE: the owner is no exception.
CREATE PROCEDURE theriac_rows(tbl regclass, seen text, written text DEFAULT NULL)
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', tbl);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', tbl);
    EXECUTE format('CREATE POLICY app_sees ON %s FOR SELECT TO theriac_app USING (%s)', tbl, seen);
    IF written IS NOT NULL THEN
        EXECUTE format('CREATE POLICY app_inserts ON %s FOR INSERT TO theriac_app
            WITH CHECK (%s)', tbl, written);
        EXECUTE format('CREATE POLICY app_updates ON %s FOR UPDATE TO theriac_app
            USING (%s) WITH CHECK (%s)', tbl, written, written);
        EXECUTE format('CREATE POLICY app_deletes ON %s FOR DELETE TO theriac_app
            USING (%s)', tbl, written);
    END IF;
    EXECUTE format('CREATE POLICY system_all ON %s FOR ALL TO theriac_system
        USING (true) WITH CHECK (true)', tbl);
END $$;

-- Privileges by list, for instance theriac_may('ledger_entry', 'SELECT, INSERT', 'SELECT').
CREATE PROCEDURE theriac_may(tbl regclass, app text, system text) LANGUAGE plpgsql AS $$
BEGIN
    IF app <> '' THEN
        EXECUTE format('GRANT %s ON %s TO theriac_app', app, tbl);
    END IF;
    IF system <> '' THEN
        EXECUTE format('GRANT %s ON %s TO theriac_system', system, tbl);
    END IF;
END $$;
