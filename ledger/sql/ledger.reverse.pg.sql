DROP PROCEDURE theriac_fact(regclass);
DROP FUNCTION theriac_fact_has_entry();
ALTER TABLE ledger_checkpoint DROP CONSTRAINT checkpoint_grows;
ALTER TABLE ledger_entry DROP CONSTRAINT entry_position_from_1;
ALTER TABLE ledger_entry DROP CONSTRAINT entry_size;
ALTER TABLE ledger_pending DROP COLUMN xact;
