"""Builds the wheel of the members' package (PEP 517), from a checkout and the standard library.

The package imports the ledger's formats from ``ledger.core`` and its like, so that there is one
implementation. A member has no such apps: the modules that are reached from here are taken in
below ``theriac_client/core/``, with their imports turned there, and nothing else is.
"""

import ast
import base64
import hashlib
import re
import tomllib
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).resolve().parents[1]
ROOT = PACKAGE.parent
NAME = PACKAGE.name
TAKEN_IN = f"{NAME}.core"
_TAG = "py3-none-any"
_NOT_INSTALLED = ("packaging",)
_TIME = (1980, 1, 1, 0, 0, 0)  # the first that a ZIP file knows: the same tree, the same bytes
_OWN_IMPORT = re.compile(r"^(from|import) (?=[a-z]+\.core\b)", re.MULTILINE)
_OWN_NAME = re.compile(r"[a-z]+\.core\.[a-z0-9_.]+")


class BuildError(Exception):
    """The package imports something that its wheel could not have."""


def build_wheel(
    wheel_directory: str,
    config_settings: Mapping[str, Any] | None = None,
    metadata_directory: str | None = None,
) -> str:
    """Write the wheel; return its file name (PEP 517)."""
    del config_settings, metadata_directory
    project = _project()
    files = {**modules(), **_dist_info(project)}
    info = f"{NAME}-{project['version']}.dist-info"
    record = [f"{path},{_digest(data)},{len(data)}" for path, data in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,", ""]).encode()
    name = f"{NAME}-{project['version']}-{_TAG}.whl"
    with zipfile.ZipFile(Path(wheel_directory) / name, "w", zipfile.ZIP_DEFLATED) as wheel:
        for path, data in files.items():
            wheel.writestr(zipfile.ZipInfo(path, _TIME), data, zipfile.ZIP_DEFLATED)
    return name


def build_sdist(sdist_directory: str, config_settings: Mapping[str, Any] | None = None) -> str:
    """Refuse: without the checkout around it the package has no core."""
    del sdist_directory, config_settings
    raise BuildError(
        "install from the checkout, or build a wheel there: pip wheel ./theriac_client"
    )


def modules() -> dict[str, bytes]:
    """Return every module of the wheel by its path: our own, and what they reach of the cores."""
    files: dict[str, bytes] = {}
    for path in sorted(PACKAGE.rglob("*")):
        inside = path.relative_to(PACKAGE)
        if path.suffix in (".py", ".typed") and inside.parts[0] not in _NOT_INSTALLED:
            files[f"{NAME}/{inside.as_posix()}"] = _turned(path.read_bytes())
    waiting = [name for data in files.values() for name in _taken(data)]
    while waiting:
        name = waiting.pop()
        target = f"{name.replace('.', '/')}.py"
        if target in files:
            continue
        source = ROOT / Path(*name.removeprefix(f"{TAKEN_IN}.").split(".")).with_suffix(".py")
        if not source.is_file():
            raise BuildError(f"there is no {source}")
        files[target] = _turned(source.read_bytes())
        waiting += _taken(files[target])
    for folder in {Path(path).parent for path in files}:
        for parent in (folder, *folder.parents[:-1]):
            files.setdefault(f"{parent.as_posix()}/__init__.py", b"")
    return dict(sorted(files.items()))


def _turned(source: bytes) -> bytes:
    """Return a module with its imports of our cores turned to where they are taken in."""
    turned = _OWN_IMPORT.sub(rf"\1 {TAKEN_IN}.", source.decode())
    for name in _imports(turned.encode()):
        if _OWN_NAME.fullmatch(name):
            raise BuildError(f"an import of {name} that was not turned")
    return turned.encode()


def _taken(data: bytes) -> list[str]:
    """Return the modules below ``core/`` that a module imports."""
    return [name for name in _imports(data) if name.startswith(f"{TAKEN_IN}.")]


def _imports(data: bytes) -> list[str]:
    found: list[str] = []
    for node in ast.walk(ast.parse(data)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.append(node.module)
    return found


def _project() -> dict[str, Any]:
    project: dict[str, Any] = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]
    return project


def _dist_info(project: Mapping[str, Any]) -> dict[str, bytes]:
    info = f"{NAME}-{project['version']}.dist-info"
    metadata = [
        "Metadata-Version: 2.4",
        f"Name: {project['name']}",
        f"Version: {project['version']}",
        f"Summary: {project['description']}",
        f"Requires-Python: {project['requires-python']}",
        f"License-Expression: {project['license']}",
        "License-File: LICENSE",
        *(f"Requires-Dist: {name}" for name in project["dependencies"]),
    ]
    scripts = [f"{name} = {target}" for name, target in project["scripts"].items()]
    texts = {
        "METADATA": metadata,
        "WHEEL": [
            "Wheel-Version: 1.0",
            "Generator: client_wheel",
            "Root-Is-Purelib: true",
            f"Tag: {_TAG}",
        ],
        "entry_points.txt": ["[console_scripts]", *scripts],
    }
    files = {f"{info}/{name}": "\n".join([*lines, ""]).encode() for name, lines in texts.items()}
    files[f"{info}/licenses/LICENSE"] = (ROOT / "LICENSE").read_bytes()
    return files


def _digest(data: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
