"""Every app that puts personal data into the vault has said what it holds."""

import ast
from importlib import import_module
from pathlib import Path

import pytest

from tests.test_tidy import ROOT, imports_of, module_of, sources
from vault.registry import holder_list

PUTS = {
    f"vault.services.{name}"
    for name in ("ItemDraft", "LookupDraft", "lookup_put", "personal_put", "personal_put_many")
}
PUTTERS = [
    path
    for path in sources("claims", "provenance", "records", "web", "ops")
    if PUTS & {name for _, name in imports_of(path)}
]


def test_somebody_puts() -> None:
    assert "claims.keeping" in {module_of(path) for path in PUTTERS}


@pytest.mark.parametrize("path", [pytest.param(path, id=module_of(path)) for path in PUTTERS])
def test_whoever_puts_has_registered_each_of_its_holders(path: Path) -> None:
    registered = {spec.name for spec in holder_list()}
    app = path.relative_to(ROOT).parts[0]
    assert any(name.startswith(f"{app}.") for name in registered), app
    module = import_module(module_of(path))
    if hasattr(module, "Holder"):
        assert {str(holder.value) for holder in module.Holder} <= registered
    # Names written out where something is put: whoever reads `holder="x.y"` finds it registered.
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.keyword) and node.arg == "holder":
            for constant in ast.walk(node.value):
                if isinstance(constant, ast.Constant) and isinstance(constant.value, str):
                    assert constant.value in registered
