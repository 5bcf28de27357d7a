-- What a witness cosigned never goes back: no smaller size, no other root at the same size, no
-- earlier time, no other origin, and the row itself stays. A witness that forgot could be shown
-- another history and would cosign it.
CREATE FUNCTION theriac_witness_goes_on() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.id <> OLD.id OR NEW.origin <> OLD.origin OR NEW.origin_hash <> OLD.origin_hash
        OR NEW.size < OLD.size OR NEW.cosigned_s < OLD.cosigned_s
        OR (NEW.size = OLD.size AND NEW.root_hash <> OLD.root_hash)
    THEN
        RAISE EXCEPTION 'what a witness cosigned is never taken back'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER witness_goes_on BEFORE UPDATE ON ledger_witnessedlog
    FOR EACH ROW EXECUTE FUNCTION theriac_witness_goes_on();
ALTER TABLE ledger_witnessedlog ENABLE ALWAYS TRIGGER witness_goes_on;
CREATE TRIGGER refuse_delete BEFORE DELETE OR TRUNCATE ON ledger_witnessedlog
    FOR EACH STATEMENT EXECUTE FUNCTION theriac_refuse_change();
ALTER TABLE ledger_witnessedlog ENABLE ALWAYS TRIGGER refuse_delete;
ALTER TABLE ledger_witnessedlog ADD CONSTRAINT witnessed_size CHECK (size >= 0 AND cosigned_s >= 0);
