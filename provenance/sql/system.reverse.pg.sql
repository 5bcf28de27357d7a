DROP FUNCTION system_fn.provenance_spend(text, numeric, uuid, bytea);
DROP FUNCTION system_fn.provenance_custody(text);
DROP FUNCTION system_fn.provenance_store(text, jsonb, numeric, jsonb);
DROP FUNCTION system_fn.provenance_views(text[]);
DROP FUNCTION system_fn.provenance_lock(text[]);
