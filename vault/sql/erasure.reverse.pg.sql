-- Without the triggers nobody deletes: the privilege goes first.
REVOKE DELETE ON
    vault_subject,
    vault_subjectidentifier,
    vault_subjectkey,
    vault_subjecttag,
    vault_subjectlookup,
    vault_personalitem
FROM theriac_app;
REVOKE UPDATE (kek_version, wrapped_dek) ON vault_personalitem FROM theriac_app;
REVOKE UPDATE (epoch, wrapped_lookup_key) ON vault_keyring FROM theriac_app;
DROP TRIGGER rewrap_needs_erasure ON vault_personalitem;
DROP TRIGGER IF EXISTS personal_needs_erasure ON vault_subject;
DROP TRIGGER IF EXISTS personal_needs_erasure ON vault_subjectidentifier;
DROP TRIGGER IF EXISTS personal_needs_erasure ON vault_subjectkey;
DROP TRIGGER IF EXISTS personal_needs_erasure ON vault_subjecttag;
DROP TRIGGER IF EXISTS personal_needs_erasure ON vault_subjectlookup;
DROP TRIGGER IF EXISTS personal_needs_erasure ON vault_personalitem;
DROP TRIGGER IF EXISTS refuse_truncate ON vault_subject;
DROP TRIGGER IF EXISTS refuse_truncate ON vault_subjectidentifier;
DROP TRIGGER IF EXISTS refuse_truncate ON vault_subjectkey;
DROP TRIGGER IF EXISTS refuse_truncate ON vault_subjecttag;
DROP TRIGGER IF EXISTS refuse_truncate ON vault_subjectlookup;
DROP TRIGGER IF EXISTS refuse_truncate ON vault_personalitem;
DROP PROCEDURE theriac_personal(regclass, name);
DROP FUNCTION theriac_refuse_truncate();
DROP FUNCTION theriac_personal_needs_erasure();
