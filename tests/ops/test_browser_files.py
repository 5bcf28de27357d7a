"""The browser's libraries: exactly what the tables say, or a clear word; never in the way."""

import hashlib
import importlib.util
import json
import os
import shutil
from pathlib import Path

import pytest

from ops import browser_files, cli
from ops.browser_files import ensure_browser_files, find_npm, missing, packages, trouble

ROOT = Path(__file__).parents[2]
CONTENT = b"export const answer = 42;\n"
INSTALLS = "mkdir -p node_modules/lib && echo 'export const answer = 42;' > node_modules/lib/a"
# Of these licences anybody may serve the code; nothing under GPL or AGPL.
LICENCES = {"MIT", "Apache-2.0", "BSD-3-Clause", "0BSD", "ISC", "(MIT OR CC0-1.0)"}


def npm_that(folder: Path, script: str, version: str = "11.0.0") -> None:
    """Put an npm that runs a shell script in front of everything else."""
    folder.mkdir(exist_ok=True)
    program = folder / "npm"
    program.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo {version} && exit\n{script}')
    program.chmod(0o755)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder at the head of PATH; its npm installs the library that the project wants."""
    folder = tmp_path / "programs"
    npm_that(folder, f"echo ran >> '{tmp_path}/calls'; {INSTALLS}")
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose pages want one file of one library."""
    root = tmp_path / "a project"
    (root / "web").mkdir(parents=True)
    for name in ("package.json", "package-lock.json"):
        (root / name).write_text("{}")
    entry = {"file": "lib/a.js", "from": "lib/a", "sha256": hashlib.sha256(CONTENT).hexdigest()}
    library = {"name": "lib", "version": "1.2.3"}
    table = {"packages": [library, {"name": "types", "version": "1"}], "files": [entry]}
    (root / "web" / "browser_files.json").write_text(json.dumps(table))
    return root


def calls(project: Path) -> int:
    """Return how often npm was asked to install."""
    log = project.parent / "calls"
    return len(log.read_text().split()) if log.exists() else 0


@pytest.mark.usefixtures("programs")
def test_the_files_are_installed_once_and_again_when_one_is_not_right(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    served = project / "web" / "static" / "vendor" / "lib" / "a.js"
    assert trouble(project) == "not installed yet"
    assert ensure_browser_files(project) == ensure_browser_files(project) == ""
    assert (served.read_bytes(), calls(project)) == (CONTENT, 1)
    assert packages(project) == ["lib 1.2.3"]
    served.write_bytes(b"something else")
    stranger = served.with_name("stranger.js")
    stranger.touch()
    assert missing(project)
    assert ensure_browser_files(project) == ""
    assert (served.read_bytes(), stranger.exists(), calls(project)) == (CONTENT, False, 2)
    assert capfd.readouterr().err.count("installing") == 2


def test_bytes_of_another_hash_are_never_served(project: Path, programs: Path) -> None:
    npm_that(programs, "mkdir -p node_modules/lib && echo evil > node_modules/lib/a")
    assert "is not the file that" in ensure_browser_files(project)
    npm_that(programs, "exit 0")
    assert "is not the file that" in ensure_browser_files(project, again=True)
    assert list((project / "web" / "static").rglob("*.js")) == []


def test_a_failure_is_told_once_and_not_tried_again_within_the_hour(
    project: Path, programs: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    fails = f"echo ran >> '{project.parent}/calls'; echo 'npm error code ENOTFOUND' >&2; exit 1"
    npm_that(programs, fails)
    why = "npm could not install the browser's libraries (ENOTFOUND)"
    assert ensure_browser_files(project) == why
    assert capfd.readouterr().err.splitlines()[1:] == [
        f"theriac: no camera on /scan/, everything else runs: {why} (./theriac doctor)"
    ]
    assert ensure_browser_files(project) == why  # from memory, in silence
    assert (calls(project), capfd.readouterr().err) == (1, "")
    mark = project / browser_files.TROUBLE
    long_ago = mark.stat().st_mtime - browser_files.RETRY_AFTER_S - 1
    os.utime(project / browser_files.TABLE, (long_ago, long_ago))
    os.utime(mark, (long_ago, long_ago))
    assert ensure_browser_files(project) == why
    assert calls(project) == 2
    lately = mark.stat().st_mtime
    os.utime(project / browser_files.TABLE, (lately + 1, lately + 1))  # it wants another version
    assert ensure_browser_files(project) == why
    assert calls(project) == 3
    npm_that(programs, INSTALLS)
    assert ensure_browser_files(project, again=True) == trouble(project) == ""
    assert not mark.exists()


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("exit 3", "(exit 3)"),
        ("echo 'npm ERR! code EINTEGRITY' >&2; exit 1", "(EINTEGRITY)"),
        ("exec sleep 60", "did not end within 0.1 s"),
    ],
)
def test_each_way_to_fail_has_its_word(
    project: Path, programs: Path, script: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "sleep" in script:
        monkeypatch.setattr(browser_files, "NPM_TIMEOUT_S", 0.1)
    npm_that(programs, script)
    assert said in ensure_browser_files(project)


@pytest.mark.usefixtures("programs")
def test_a_folder_that_cannot_be_written_is_told(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (project / "web" / "static").touch()  # a file where the folder should be
    assert "Not a directory" in ensure_browser_files(project)
    assert "everything else runs" in capfd.readouterr().err


def test_a_tree_without_a_table_wants_nothing(tmp_path: Path) -> None:
    assert ensure_browser_files(tmp_path) == ""


def test_npm_is_the_machines_own_or_the_packages(
    programs: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert find_npm() == [str(programs / "npm")]
    for version in ("6.14.0", "what?"):  # reads no lock file of ours
        npm_that(programs, "exit 1", version)
        node, script = find_npm()
        assert (Path(node).name, Path(script).name) == ("node", "npm-cli.js")
    monkeypatch.setattr(shutil, "which", lambda _: str(tmp_path / "gone"))
    assert len(find_npm()) == 2
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert find_npm() == []


def test_without_any_npm_it_says_so(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browser_files, "find_npm", list)
    assert ensure_browser_files(project).startswith("there is no npm")


def test_the_command_tries_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "load_env_file", lambda: None)
    monkeypatch.setattr(cli, "ensure_browser_files", lambda *_, **__: "")
    assert cli.main(["browser-files"]) == 0
    assert "zxing-wasm" in capsys.readouterr().out
    monkeypatch.setattr(cli, "ensure_browser_files", lambda *_, **__: "no network")
    assert cli.main(["browser-files"]) == 1


def test_the_table_says_what_the_lock_file_pins() -> None:
    table = json.loads((ROOT / browser_files.TABLE).read_bytes())
    lock = json.loads((ROOT / "package-lock.json").read_bytes())["packages"]
    manifest = json.loads((ROOT / "package.json").read_bytes())
    named = {
        f"node_modules/{package['name']}": tuple(
            package[member] for member in ("version", "licence", "integrity")
        )
        for package in table["packages"]
    }
    pinned = {
        name: (package["version"], package["license"], package["integrity"])
        for name, package in lock.items()
        if name
    }
    assert named == pinned
    assert lock[""]["dependencies"] == manifest["dependencies"]
    assert [name for name, (_, licence, _) in named.items() if licence not in LICENCES] == []
    assert all(digest.startswith("sha512-") for _, _, digest in named.values())
    # Where packages come from is the machine's own setting.
    assert "resolved" not in (ROOT / "package-lock.json").read_text()


@pytest.mark.skipif(
    not (ROOT / browser_files.FOLDER).exists(), reason="the browser's libraries are not installed"
)
def test_what_is_served_is_exactly_what_the_table_names() -> None:
    assert trouble(ROOT) == ""
    for package in json.loads((ROOT / browser_files.TABLE).read_bytes())["packages"]:
        assert package["use"]
    assert packages(ROOT) == ["zxing-wasm 3.1.4"]
    folder = ROOT / browser_files.FOLDER
    assert "MIT License" in (folder / "zxing-wasm" / "LICENSE").read_text()
