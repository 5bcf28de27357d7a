-- Who may write what of accounts, where one condition for all writes would say too much.

-- Log-in looks people up, marks when, and renews a password's hash. An organisation adds people;
-- a person changes their own password. Which columns, the grants say.
CREATE POLICY app_inserts ON accounts_user FOR INSERT TO theriac_app
    WITH CHECK (theriac_kind() = 'organisation');
CREATE POLICY app_updates ON accounts_user FOR UPDATE TO theriac_app
    USING (theriac_kind() = 'authentication' OR id = theriac_person())
    WITH CHECK (theriac_kind() = 'authentication' OR id = theriac_person());

-- An organisation keeps its own memberships. The operator makes a member's first one: it sees
-- no rows of others, so it can change or delete none.
CREATE POLICY app_inserts ON accounts_membership FOR INSERT TO theriac_app
    WITH CHECK (organisation_id = theriac_org() OR system_fn.accounts_operates());
CREATE POLICY app_updates ON accounts_membership FOR UPDATE TO theriac_app
    USING (organisation_id = theriac_org()) WITH CHECK (organisation_id = theriac_org());
CREATE POLICY app_deletes ON accounts_membership FOR DELETE TO theriac_app
    USING (organisation_id = theriac_org());

-- The operator admits; whoever verifies credentials sets the GLN.
CREATE POLICY app_inserts ON accounts_organisation FOR INSERT TO theriac_app
    WITH CHECK (system_fn.accounts_operates());
CREATE POLICY app_updates ON accounts_organisation FOR UPDATE TO theriac_app
    USING (system_fn.accounts_verifies()) WITH CHECK (system_fn.accounts_verifies());
CREATE POLICY app_inserts ON accounts_credential FOR INSERT TO theriac_app
    WITH CHECK (organisation_id = theriac_org() AND system_fn.accounts_verifies());
