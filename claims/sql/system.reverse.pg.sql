DROP FUNCTION system_fn.claims_insurer_of(text);
