"""Operations for migrations: SQL from files, and what a table may be used for."""

from pathlib import Path

from django.db.migrations import RunSQL

ROOT = Path(__file__).parents[1]


def sql_file(app: str, name: str) -> RunSQL:
    """Return the operation that runs ``<app>/sql/<name>.pg.sql``, reversible by its twin."""
    folder = ROOT / app / "sql"
    forwards = (folder / f"{name}.pg.sql").read_text()
    backwards = (folder / f"{name}.reverse.pg.sql").read_text()
    return RunSQL(forwards, backwards)


def insert_only(table: str) -> RunSQL:
    """Return the operation after which rows of ``table`` never change nor go."""
    return RunSQL(f"CALL theriac_insert_only('{table}')", RunSQL.noop)


def rows(table: str, *, seen: str, written: str | None = None) -> RunSQL:
    """Return the operation that puts ``table`` under row-level security (SQL conditions)."""
    args = ", ".join(_literal(part) for part in (table, seen, written) if part is not None)
    return RunSQL(f"CALL theriac_rows({args})", RunSQL.noop)


def may(table: str, *, app: str = "", system: str = "") -> RunSQL:
    """Return the operation that grants privileges (``SELECT, INSERT``) on ``table``."""
    return RunSQL(f"CALL theriac_may('{table}', '{app}', '{system}')", RunSQL.noop)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def fact(table: str) -> RunSQL:
    """Return the operation that makes ``table`` insert-only, each row with its entry."""
    return RunSQL(f"CALL theriac_fact('{table}')", RunSQL.noop)


def personal(table: str, subject: str = "subject_id") -> RunSQL:
    """Return the operation after which rows of ``table`` go only with their person's erasure.

    ``subject`` names the column that says whose row it is. Needs the vault's second migration.
    """
    return RunSQL(f"CALL theriac_personal('{table}', '{subject}')", RunSQL.noop)


def as_system(app: str, name: str) -> RunSQL:
    """Return ``sql_file`` run by the role ``theriac_system``.

    Functions made so (in the schema ``system_fn``) are the system's: with SECURITY DEFINER they
    see all rows, whoever calls them.
    """
    plain = sql_file(app, name)
    before, after = "SET LOCAL ROLE theriac_system;\n", "\nRESET ROLE;"
    return RunSQL(f"{before}{plain.sql}{after}", f"{before}{plain.reverse_sql}{after}")
