ALTER POLICY app_sees ON ledger_proposal USING (
    organisation_id = theriac_org() OR theriac_org() = ANY(endorsers));
DO $$
DECLARE tbl text;
BEGIN
    FOREACH tbl IN ARRAY ARRAY['app_sees', 'system_all'] LOOP
        EXECUTE format('DROP POLICY %I ON ledger_leaf', tbl);
    END LOOP;
    ALTER TABLE ledger_leaf NO FORCE ROW LEVEL SECURITY;
    ALTER TABLE ledger_leaf DISABLE ROW LEVEL SECURITY;
    FOREACH tbl IN ARRAY ARRAY['ledger_log', 'ledger_submission', 'ledger_entry',
        'ledger_keyaddition', 'ledger_keyrevocation', 'ledger_policychange', 'ledger_checkpoint',
        'ledger_cosignature', 'ledger_tile', 'ledger_member', 'ledger_signingkey',
        'ledger_logfreeze']
    LOOP
        EXECUTE format('ALTER POLICY app_sees ON %I USING (theriac_kind() <> ''authentication'')',
            tbl);
    END LOOP;
    FOREACH tbl IN ARRAY ARRAY['ledger_entry', 'ledger_keyaddition', 'ledger_keyrevocation',
                               'ledger_policychange']
    LOOP
        EXECUTE format('ALTER TABLE %I DROP COLUMN log_id', tbl);
    END LOOP;
END $$;
