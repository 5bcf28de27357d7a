DROP TRIGGER refuse_delete ON ledger_witnessedlog;
DROP TRIGGER witness_goes_on ON ledger_witnessedlog;
DROP FUNCTION theriac_witness_goes_on();
