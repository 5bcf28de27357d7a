DROP POLICY app_inserts ON accounts_credential;
DROP POLICY app_updates ON accounts_organisation;
DROP POLICY app_inserts ON accounts_organisation;
DROP POLICY app_deletes ON accounts_membership;
DROP POLICY app_updates ON accounts_membership;
DROP POLICY app_inserts ON accounts_membership;
DROP POLICY app_updates ON accounts_user;
DROP POLICY app_inserts ON accounts_user;
