"""The environment is made whole or made again, and never twice at once."""

import hashlib
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ops import bootstrap
from ops.bootstrap import BootstrapError, ensure_environment, has_state, wanted_state

ROOT = Path(__file__).parents[2]
ENSURE = """
import sys
from pathlib import Path
from ops.bootstrap import ensure_environment
ensure_environment(Path(sys.argv[1]), development=False)
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that asks for no package at all, on a machine without uv."""
    folder = tmp_path / "a project"
    folder.mkdir()
    for name in ("requirements.txt", "requirements-dev.txt"):
        (folder / name).write_text("# nothing\n")
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "uv" else which(name))
    return folder


def quick_venv(project: Path) -> Path:
    """Stand a link to this Python in for an environment, as making one takes seconds."""
    programs = project / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (programs / "python").chmod(0o755)
    return project / ".venv"


@pytest.mark.slow
def test_two_calls_at_once_make_one_environment(project: Path) -> None:
    calls = [
        subprocess.Popen([sys.executable, "-c", ENSURE, project], cwd=ROOT, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    said = [call.communicate()[1] for call in calls]
    assert [call.returncode for call in calls] == [0, 0]
    assert sum(b"installing" in text for text in said) == 1
    assert has_state(project / ".venv", wanted_state(project, development=False))
    assert not (project / ".venv" / ".theriac-begun").exists()


@pytest.mark.slow
def test_an_installation_that_was_killed_is_begun_anew(project: Path) -> None:
    rubble = quick_venv(project)
    (rubble / ".theriac-begun").touch()
    (rubble / "half a package").touch()
    ensure_environment(project, development=False)
    assert not (rubble / "half a package").exists()
    assert has_state(rubble, wanted_state(project, development=False))


def test_an_environment_made_by_hand_is_kept_and_completed(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = quick_venv(project)
    (folder / "of my own").touch()
    ensure_environment(project, development=True)
    assert (folder / "of my own").exists()
    assert "installing 0 packages" in capfd.readouterr().err
    ensure_environment(project, development=False)  # holds everything already
    assert capfd.readouterr().err == ""


def test_a_change_of_the_requirements_is_installed(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    quick_venv(project)
    ensure_environment(project, development=False)
    (project / "requirements.txt").write_text("# still nothing\n")
    ensure_environment(project, development=False)
    assert capfd.readouterr().err.count("installing") == 2


def test_a_package_without_its_hash_is_refused_and_the_next_call_tries_again(
    project: Path,
) -> None:
    folder = quick_venv(project)
    (project / "requirements.txt").write_text("no-hash==1.0\n")
    with pytest.raises(BootstrapError, match="could not be installed"):
        ensure_environment(project, development=False)
    assert (folder / ".theriac-begun").exists()
    assert not has_state(folder, wanted_state(project, development=False))


def test_a_python_without_venv_is_told(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(BootstrapError, match="apt-get install python3-venv"):
        ensure_environment(project, development=False)


def test_an_environment_that_cannot_be_made_is_told(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    with pytest.raises(BootstrapError, match="could not be made"):
        ensure_environment(project, development=False)


def test_uv_is_preferred_where_it_is(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = project / "calls"
    (project / "uv").write_text(f'#!/bin/sh\necho "$1" "$2" >> "{calls}"\nmkdir -p "$5"\n')
    (project / "uv").chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda _: str(project / "uv"))
    ensure_environment(project, development=False)
    assert calls.read_text() == "venv --quiet\npip install\n"


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"python": "2.7"}', "\x00"])
def test_a_mark_that_says_something_else_is_no_mark(project: Path, content: str) -> None:
    folder = quick_venv(project)
    (folder / ".theriac").write_text(content)
    assert not has_state(folder, wanted_state(project, development=False))


def test_the_wanted_state_names_python_and_the_files(project: Path) -> None:
    digest = hashlib.sha256(b"# nothing\n").hexdigest()
    assert wanted_state(project, development=True) == {
        "python": platform.python_version(),
        "requirements.txt": digest,
        "requirements-dev.txt": digest,
    }


def test_main_says_why_it_failed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    assert bootstrap.main() == 1
    assert "requirements.txt" in capsys.readouterr().err


def run_script(script: Path, path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the shell script with nothing but ``path`` to find programs in."""
    return subprocess.run(
        [str(script), "doctor"],
        cwd="/",
        env={"PATH": str(path), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A PATH with what any system has, and no Python."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in ("sh", "dirname", "readlink"):
        (folder / name).symlink_to(str(shutil.which(name)))
    return folder


def clone(tmp_path: Path) -> Path:
    """Return the script of a small clone, below a folder with a space in its name."""
    folder = tmp_path / "a clone"
    (folder / "ops").mkdir(parents=True)
    shutil.copy(ROOT / "theriac", folder)
    shutil.copy(ROOT / "ops" / "bootstrap.py", folder / "ops")
    (folder / "ops" / "__main__.py").write_text("import sys; print(sys.argv[1:])")
    (folder / "ops" / "__init__.py").touch()
    for name in ("requirements.txt", "requirements-dev.txt"):
        (folder / name).touch()
    return folder / "theriac"


def test_the_script_says_that_python_is_missing(tmp_path: Path, programs: Path) -> None:
    done = run_script(clone(tmp_path), programs)
    assert (done.returncode, done.stdout) == (1, "")
    assert "Python 3.11, 3.12 or 3.13 is needed" in done.stderr
    assert "python3-venv" in done.stderr


def test_the_script_passes_over_a_python_that_is_too_old(tmp_path: Path, programs: Path) -> None:
    (programs / "python3").write_text("#!/bin/sh\nexit 1\n")
    (programs / "python3").chmod(0o755)
    assert "none was found" in run_script(clone(tmp_path), programs).stderr


def test_the_script_says_that_venv_is_missing(tmp_path: Path, programs: Path) -> None:
    # As Debian's python3 without python3-venv: everything but ensurepip.
    hide = "import sys, runpy; sys.modules['ensurepip'] = None; sys.argv = sys.argv[1:];"
    stub = f"""#!/bin/sh
[ "$1" = -c ] && exec "{sys.executable}" "$@"
shift
exec "{sys.executable}" -c "{hide} runpy.run_path(sys.argv[0], run_name='__main__')" "$@"
"""
    (programs / "python3").write_text(stub)
    (programs / "python3").chmod(0o755)
    done = run_script(clone(tmp_path), programs)
    assert done.returncode == 1
    assert "venv" in done.stderr


def test_the_script_hands_over_through_a_link_from_anywhere(tmp_path: Path, programs: Path) -> None:
    script = clone(tmp_path)
    quick_venv(script.parent)
    link = tmp_path / "link"
    link.symlink_to(os.path.relpath(script, tmp_path))
    done = run_script(link, programs, THERIAC_PYTHON=sys.executable)
    assert (done.returncode, done.stdout) == (0, "['doctor']\n")
