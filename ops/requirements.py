"""Whether requirements.txt still is what pyproject.toml asks for, found out without a network."""

import re
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ops.environment import ROOT

PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\]+)")


def check_requirements(root: Path) -> list[str]:
    """Return what is wrong with the two compiled files; empty where they fit."""
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    runtime = project["dependencies"]
    development = [*runtime, *project["optional-dependencies"]["dev"]]
    return [
        *_check(runtime, name="requirements.txt", text=(root / "requirements.txt").read_text()),
        *_check(
            development,
            name="requirements-dev.txt",
            text=(root / "requirements-dev.txt").read_text(),
        ),
    ]


def _check(asked: list[str], *, name: str, text: str) -> list[str]:
    """Compare the asked with the pins, both ways: fitting versions, and none left over."""
    versions, direct, wrong = {}, set(), []
    for block in re.split(r"\n(?=\S)", text):
        pin = PIN.match(block)
        if pin is None:
            continue
        package = canonicalize_name(pin[1])
        versions[package] = pin[2]
        if "--hash=sha256:" not in block:
            wrong.append(f"{name}: {package} has no hash")
        if "(pyproject.toml)" in block:
            direct.add(package)
    for line in asked:
        requirement = Requirement(line)
        package = canonicalize_name(requirement.name)
        version = versions.get(package)
        if version is None or not requirement.specifier.contains(version, prereleases=True):
            wrong.append(f"{name}: {line} is asked for, {version or 'nothing'} is pinned")
        direct.discard(package)
    return [*wrong, *(f"{name}: nobody asks for {package}" for package in sorted(direct))]


if __name__ == "__main__":
    sys.exit("\n".join(check_requirements(ROOT)) or 0)
