DROP FUNCTION theriac_submissions_store(bigint, uuid, timestamptz, timestamptz, uuid[], text[],
    integer[], bigint[], bytea[], bytea[], bytea[], bytea[], integer[], integer[], integer[],
    bytea[], uuid[], text[], bytea[]);
DROP FUNCTION theriac_append_gate(bigint, text, uuid, text[], text, uuid, integer[], integer);
