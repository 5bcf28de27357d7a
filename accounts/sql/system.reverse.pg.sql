DROP FUNCTION system_fn.accounts_verifies();
DROP FUNCTION system_fn.accounts_operates();
