DROP FUNCTION system_fn.provenance_spend(text, numeric, uuid, bytea);
