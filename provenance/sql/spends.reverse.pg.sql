DROP FUNCTION system_fn.provenance_spend(bytea, bytea, text, numeric, uuid, integer);
DROP FUNCTION system_fn.provenance_amounts_told(bytea[], text[]);
DROP FUNCTION system_fn.provenance_amounts_own(bigint[]);
DROP FUNCTION system_fn.provenance_amounts(bigint[]);
DROP FUNCTION system_fn.provenance_dispensed_views(bigint[]);
