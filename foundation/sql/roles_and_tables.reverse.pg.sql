DROP PROCEDURE theriac_may(regclass, text, text);
DROP PROCEDURE theriac_rows(regclass, text, text);
DROP PROCEDURE theriac_insert_only(regclass);
DROP FUNCTION theriac_refuse_change();
DROP FUNCTION theriac_kind();
DROP FUNCTION theriac_person();
DROP FUNCTION theriac_org();
