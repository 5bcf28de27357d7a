-- The append in two calls: what is held and known before it signs, then all rows at once. Both run
-- as who calls them, under the rows' security; a round trip costs more than what they do.

-- Takes the locks of `ledger.services.governed` (classids in `locks`: the organisation's keys, the
-- log's policies), shared; then tells what waits in the queue, whether the log is frozen, whether
-- one of the kinds was ever under a policy, and the newest valid key that the server holds for
-- `holder` (null where there is none; a `person`'s own). Each query sees what was committed before
-- the locks were had.
CREATE OR REPLACE FUNCTION theriac_append_gate(
    wanted bigint, origin text, organisation uuid, kinds text[], holder text, person uuid,
    locks integer[], at_most integer,
    OUT waiting bigint, OUT waiting_bytes bigint, OUT frozen boolean, OUT had_policy boolean,
    OUT key text, OUT provider_name text
) LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(locks[1], hashtext(organisation::text));
    PERFORM pg_advisory_xact_lock_shared(locks[2], hashtext(origin));
    SELECT load.submissions, load.bytes INTO waiting, waiting_bytes
        FROM system_fn.ledger_pending_load(wanted, at_most) AS load;
    frozen := EXISTS (SELECT FROM ledger_logfreeze WHERE log_id = wanted);
    had_policy := EXISTS (SELECT FROM ledger_policychange WHERE log_id = wanted AND kind = ANY(kinds));
    SELECT k.key_id, held.provider_name INTO key, provider_name
        FROM ledger_serverkey AS held JOIN ledger_signingkey AS k USING (key_id)
        WHERE held.organisation_id = organisation AND held.holder = theriac_append_gate.holder
            AND (person IS NULL OR held.person_id = person)
            AND k.log_id = wanted AND k.revoked_index IS NULL
            AND NOT EXISTS (
                SELECT FROM ledger_keyrevocation AS ended WHERE ended.key_id = k.key_id
            )
        ORDER BY k.added_index DESC LIMIT 1;
END $$;

-- Stores submissions and their entries, and queues them; `ordinals` say which submission an entry
-- belongs to, counted from 1. Returns the constraint that refused, and then nothing is stored and
-- the caller's transaction goes on; null where all is. COPY FROM is refused under row-level
-- security, so rows come as arrays.
CREATE OR REPLACE FUNCTION theriac_submissions_store(
    log bigint, organisation uuid, received timestamptz, deadline timestamptz,
    submissions uuid[], keys text[], counts integer[], firsts bigint[], statements bytea[],
    statement_hashes bytea[], signatures bytea[], receipts bytea[], sizes integer[],
    ordinals integer[], positions integer[], entry_ids bytea[], uuids uuid[], kinds text[],
    contents bytea[], OUT refused text
) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    ids bigint[];
BEGIN
    WITH stored AS (
        INSERT INTO ledger_submission (log_id, organisation_id, submission_id, key_id, count,
            first, statement, statement_hash, signature, received_at, deadline_at,
            receipt_signature)
        SELECT log, organisation, s.submission, s.key, s.count, nullif(s.first, -1), s.statement,
            s.statement_hash, s.signature, received, deadline, s.receipt
        FROM unnest(submissions, keys, counts, firsts, statements, statement_hashes, signatures,
            receipts) WITH ORDINALITY
            AS s (submission, key, count, first, statement, statement_hash, signature, receipt, n)
        ORDER BY s.n
        RETURNING id
    )
    SELECT array_agg(id ORDER BY id) INTO ids FROM stored;
    INSERT INTO ledger_pending (submission_id, log_id, organisation_id, size_bytes)
        SELECT q.id, log, organisation, q.size FROM unnest(ids, sizes) AS q (id, size);
    INSERT INTO ledger_entry (entry_id, log_id, submission_id, position, organisation_id, uuid,
        kind, content)
        SELECT e.id, log, ids[e.ordinal], e.position, organisation, e.uuid, e.kind, e.content
        FROM unnest(ordinals, positions, entry_ids, uuids, kinds, contents)
            AS e (ordinal, position, id, uuid, kind, content);
EXCEPTION WHEN unique_violation THEN
    GET STACKED DIAGNOSTICS refused = CONSTRAINT_NAME;
END $$;
