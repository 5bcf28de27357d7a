"""The gate's own checks: requirements, skips, and how a check's output is kept."""

import sys
from pathlib import Path

import pytest

from ops import gate
from ops.gate import Check, NoToolsError, run_check
from ops.requirements import check_requirements
from ops.skips import SkipListError, find_skipped, main, parse_allowed, refused

ROOT = Path(__file__).parents[2]
PROJECT = """\
[project]
dependencies = ["Some_Package[extra]>=2,<3", "other==1.0"]
[project.optional-dependencies]
dev = ["tool"]
"""
PINS = """\
# compiled
other==1.0 \\
    --hash=sha256:aa
    # via theriac (pyproject.toml)
some-package[extra]==2.5 ; sys_platform == 'linux' \\
    --hash=sha256:bb
    # via theriac (pyproject.toml)
transitive==9 \\
    --hash=sha256:cc
    # via other
"""
TOOL = "tool==3 \\\n    --hash=sha256:dd\n    # via theriac (pyproject.toml)\n"


def project(tmp_path: Path, *, pins: str = PINS, declared: str = PROJECT) -> Path:
    """Write a project with its compiled files."""
    (tmp_path / "pyproject.toml").write_text(declared)
    (tmp_path / "requirements.txt").write_text(pins)
    (tmp_path / "requirements-dev.txt").write_text(PINS + TOOL)
    return tmp_path


def test_fitting_requirements_are_fine(tmp_path: Path) -> None:
    assert check_requirements(project(tmp_path)) == []


def test_the_projects_own_requirements_fit() -> None:
    assert check_requirements(ROOT) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("==2.5", "==3.0", "Some_Package[extra]>=2,<3 is asked for, 3.0 is pinned"),
        ("other==1.0", "another==1.0", "other==1.0 is asked for, nothing is pinned"),
        ("--hash=sha256:cc", "", "transitive has no hash"),
        ("# via other", "# via theriac (pyproject.toml)", "nobody asks for transitive"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    found = check_requirements(project(tmp_path, pins=PINS.replace(old, new)))
    assert f"requirements.txt: {said}" in found


REPORT = b"""<?xml version="1.0"?><testsuites><testsuite>
<testcase classname="tests.ops.test_a" name="test_x"><skipped type="pytest.skip" message="why"/>
</testcase>
<testcase classname="tests.ops.test_a" name="test_y"><skipped type="pytest.xfail" message="b"/>
</testcase>
<testcase classname="tests.ops.test_a" name="test_z"/>
</testsuite></testsuites>"""


def test_skipped_tests_are_found_and_expected_failures_are_not() -> None:
    assert find_skipped(REPORT) == ["tests.ops.test_a.test_x: why"]


@pytest.mark.parametrize("report", [b"", b"<a>", b"\x00"])
def test_a_broken_report_is_refused(report: bytes) -> None:
    with pytest.raises(SkipListError, match="no XML"):
        find_skipped(report)


def test_only_listed_skips_are_allowed() -> None:
    skipped = ["tests.a.test_x: needs root", "tests.b.test_y: needs root", "tests.a.test_z: other"]
    assert refused(skipped, ["tests.a.*: needs root"]) == skipped[1:]


def test_a_list_is_read_without_its_comments() -> None:
    assert parse_allowed("# why\n\ntests.a.*: one  # because\n") == ["tests.a.*: one"]


@pytest.mark.parametrize(
    "line", ["tests.web.test_browser*", "*: no Chromium*", "*playwright*", "*", "*: *", "?.*"]
)
def test_a_list_that_names_a_browser_or_everything_is_refused(line: str) -> None:
    with pytest.raises(SkipListError, match="line 2"):
        parse_allowed(f"tests.a.test_x: fine\n{line}\n")


def test_the_projects_own_list_is_allowed() -> None:
    assert parse_allowed((ROOT / "tests" / "allowed_skips.txt").read_text()) == [
        "tests.ops.*: *needs root*"
    ]


@pytest.mark.parametrize(
    ("allowed", "said"),
    [
        ("tests.ops.*: why\n", ""),
        ("", "skips: not allowed: tests.ops.test_a.test_x: why\n"),
        ("*\n", "skips: line 1: a pattern names a test or a reason\n"),
    ],
)
def test_a_report_is_held_against_the_list(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], allowed: str, said: str
) -> None:
    (tmp_path / "report.xml").write_bytes(REPORT)
    (tmp_path / "allowed.txt").write_text(allowed)
    status = main([str(tmp_path / "report.xml"), str(tmp_path / "allowed.txt")])
    assert (status, capsys.readouterr().out) == (1 if said else 0, said)


def test_a_run_that_left_no_report_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path / "none.xml"), str(tmp_path / "none.txt")]) == 1
    assert "none.xml" in capsys.readouterr().out


def test_a_check_is_silent_when_it_passes_and_says_all_when_it_fails() -> None:
    both = "import sys; print('out'); sys.stdout.flush(); print('err', file=sys.stderr); "
    assert run_check(Check(name="a", run=[sys.executable, "-c", both])) is None
    failing = [sys.executable, "-c", f"{both}sys.exit(1)"]
    assert run_check(Check(name="a", run=failing)) == "out\nerr\n"
    silent = [sys.executable, "-c", "raise SystemExit(4)"]
    assert run_check(Check(name="a", run=silent)) == "exit 4"
    assert run_check(Check(name="a", run=lambda: ["one", "two"])) == "one\ntwo"
    assert run_check(Check(name="a", run=list)) is None
    missing = run_check(Check(name="a", run=["no-such-tool", "x"]))
    assert missing == "no-such-tool is not installed (Debian, Ubuntu: apt-get install no-such-tool)"


@pytest.mark.parametrize(("found", "status"), [([], 0), (["wrong"], 1)])
def test_the_gate_sums_up(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    found: list[str],
    status: int,
) -> None:
    monkeypatch.setattr(gate, "checks", lambda: [Check(name="mine", run=lambda: found)])
    assert gate.gate() == status
    first, *_, last = capsys.readouterr().out.splitlines()
    assert first.split()[:2] == ["mine", "FAILED" if found else "ok"]
    assert last.startswith("gate: mine failed" if found else "gate: all passed")


def test_the_gate_without_its_tools_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(NoToolsError, match="not installed"):
        gate.checks()


def test_every_check_is_in_the_gate(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "ruff").touch()
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr(gate, "tracked", lambda: ["a.py", "b.html"])
    assert [check.name for check in gate.checks()] == [
        *("ruff check", "ruff format", "mypy", "import contracts", "spelling", "migrations"),
        *("dependencies", "requirements", "shell", "templates"),
    ]
    monkeypatch.setattr(gate, "tracked", lambda: ["a.py"])
    assert gate.checks()[-1].name == "shell"
