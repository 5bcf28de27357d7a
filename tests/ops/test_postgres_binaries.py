"""PostgreSQL's programs: the wheel's first, then the newest of the system."""

from pathlib import Path

import pytest

from ops.postgres import binaries
from ops.postgres.binaries import NoBinariesError, find_binaries, read_version


def fake_postgres(folder: Path, version: str) -> Path:
    """Make a folder of programs that only know their version."""
    folder.mkdir(parents=True)
    for name in ("postgres", "initdb"):
        (folder / name).write_text(f"#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n")
        (folder / name).chmod(0o755)
    return folder


def test_the_newest_usable_server_of_the_system_is_the_second_choice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [
        fake_postgres(tmp_path / name, version)
        for name, version in (("a", "14.9"), ("b", "17.2 (Debian 17.2-1)"), ("c", "16beta1"))
    ]
    monkeypatch.setattr(binaries, "wheel_folders", lambda: iter([tmp_path / "none"]))
    monkeypatch.setattr(binaries, "system_folders", lambda: iter(found))
    chosen = find_binaries()
    assert (chosen.folder, chosen.version, chosen.wheel) == (tmp_path / "b", "17.2", False)


def test_no_server_at_all_is_told_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "wheel_folders", lambda: iter(()))
    monkeypatch.setattr(binaries, "system_folders", lambda: iter(()))
    with pytest.raises(NoBinariesError, match="no PostgreSQL for") as caught:
        find_binaries()
    assert "install PostgreSQL 15" in caught.value.remedy


def test_the_systems_folders_are_looked_up_in_three_ways(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = fake_postgres(tmp_path / "bin", "16.1")
    (programs / "pg_config").write_text("#!/bin/sh\necho /by/pg_config\n")
    (programs / "pg_config").chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))
    assert list(binaries.system_folders())[:2] == [Path("/by/pg_config"), programs]


def test_a_program_that_cannot_run_has_no_version(tmp_path: Path) -> None:
    programs = fake_postgres(tmp_path / "bin", "16.1")
    (programs / "postgres").write_text("#!/nowhere\n")
    assert read_version(programs) == ""
