"""The wheel: built from a checkout with nothing but Python, it runs where none of the apps is."""

import base64
import hashlib
import importlib.util
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

from tests.test_tidy import APPS, ROOT

BACKEND = ROOT / "theriac_client" / "packaging" / "client_wheel.py"
IMPORT_ALL = """
import importlib, pkgutil, sys
sys.path.insert(0, sys.argv[1])
import theriac_client
for found in pkgutil.walk_packages(theriac_client.__path__, "theriac_client."):
    if not found.name.endswith("__main__"):
        importlib.import_module(found.name)
print(theriac_client.__file__)
print(*sorted({name.partition(".")[0] for name in sys.modules} & set(sys.argv[2:])))
"""


def backend() -> ModuleType:
    """Return the build backend, found as pip finds it."""
    spec = importlib.util.spec_from_file_location("client_wheel", BACKEND)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    return folder / str(backend().build_wheel(str(folder)))


def test_the_wheel_runs_without_any_app(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as files:
        files.extractall(tmp_path)
    done = subprocess.run(
        [sys.executable, "-I", "-c", IMPORT_ALL, str(tmp_path), "django", *APPS],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    assert done.stdout.splitlines() == [str(tmp_path / "theriac_client" / "__init__.py"), ""]
    said = subprocess.run(
        [sys.executable, "-m", "theriac_client", "--help"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": ""},
    )
    assert said.stdout.startswith("usage: theriac-client")


def test_the_record_names_every_file_with_its_hash(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as files:
        (record,) = (name for name in files.namelist() if name.endswith("/RECORD"))
        listed = {}
        for line in files.read(record).decode().splitlines():
            path, digest, size = line.rsplit(",", 2)
            listed[path] = (digest, size)
        assert set(listed) == set(files.namelist())
        for path, (digest, size) in listed.items():
            data = files.read(path)
            hashed = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            assert (digest, size) in {(f"sha256={hashed}", str(len(data))), ("", "")}
        assert [path for path, (digest, _) in listed.items() if not digest] == [record]


def test_the_same_tree_makes_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    again = tmp_path / str(backend().build_wheel(str(tmp_path)))
    assert again.read_bytes() == wheel.read_bytes()


def test_a_source_archive_has_no_core_and_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="install from the checkout"):
        backend().build_sdist(str(tmp_path))
