-- Several logs in one database, some for members only: who sees which rows is asked of the log.

-- What was written before there were several belongs to the one there was. Only the system sees
-- its row; the columns get the value as a default, so that no row is changed.
SET LOCAL ROLE theriac_system;
SELECT set_config('theriac.one_log', coalesce(min(id), 0)::text, true) FROM ledger_log;
RESET ROLE;
DO $$
DECLARE tbl text; one bigint := current_setting('theriac.one_log');
BEGIN
    FOREACH tbl IN ARRAY ARRAY['ledger_entry', 'ledger_keyaddition', 'ledger_keyrevocation',
                               'ledger_policychange']
    LOOP
        EXECUTE format('ALTER TABLE %I ADD COLUMN log_id bigint NOT NULL DEFAULT %s', tbl, one);
        EXECUTE format('ALTER TABLE %I ALTER COLUMN log_id DROP DEFAULT', tbl);
    END LOOP;
END $$;

-- A log for members only is seen by the organisations that it admitted and by its operator, and by
-- nobody else; every row of a log by whoever sees the log.
ALTER POLICY app_sees ON ledger_log USING (theriac_kind() <> 'authentication' AND (
    NOT members_only OR operator_id = theriac_org() OR system_fn.ledger_is_member(id)));
DO $$
DECLARE tbl text;
BEGIN
    FOREACH tbl IN ARRAY ARRAY['ledger_submission', 'ledger_entry', 'ledger_keyaddition',
        'ledger_keyrevocation', 'ledger_policychange', 'ledger_checkpoint', 'ledger_cosignature',
        'ledger_tile', 'ledger_member', 'ledger_signingkey', 'ledger_logfreeze']
    LOOP
        EXECUTE format('ALTER POLICY app_sees ON %I USING (log_id IN (SELECT id FROM ledger_log))',
            tbl);
    END LOOP;
END $$;
CALL theriac_rows('ledger_leaf', 'log_id IN (SELECT id FROM ledger_log)');
ALTER POLICY app_sees ON ledger_proposal USING (
    (organisation_id = theriac_org() OR theriac_org() = ANY(endorsers))
    AND log_id IN (SELECT id FROM ledger_log));
