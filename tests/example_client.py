"""The example client of ``docs/howto``, as a stranger runs it: nothing of ours is in it."""

import importlib.util
from pathlib import Path
from types import ModuleType

PATH = Path(__file__).parents[1] / "docs" / "howto" / "sealed_client.py"


def example_client() -> ModuleType:
    spec = importlib.util.spec_from_file_location("sealed_client", PATH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
