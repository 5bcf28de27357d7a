"""The shape of the tree: what ``core/`` imports, how long things are, that nothing lies about."""

import ast
import functools
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
APPS = (
    "foundation",
    "ledger",
    "accounts",
    "vault",
    "provenance",
    "records",
    "claims",
    "web",
    "ops",
    "config",
)
# Installed on members' machines, where none of the apps is; of these it has the cores, built in.
CLIENT = "theriac_client"
CLIENT_MAY_IMPORT = {CLIENT, "nacl", "orjson"} | sys.stdlib_module_names
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
# Value modules of the standard library and of libraries that know no clock, chance or file.
CORE_MAY_IMPORT = [
    "__future__",
    "abc",
    "base64",
    "bisect",
    "collections",
    "dataclasses",
    "datetime",
    "decimal",
    "enum",
    "functools",
    "hashlib",
    "hmac",
    "http.HTTPStatus",
    "itertools",
    "json",
    "math",
    "operator",
    "re",
    "struct",
    "types",
    "typing",
    "unicodedata",
    "urllib.parse",
    "uuid.UUID",
    "graphql.language",
    "graphql.type",
    "lxml.etree",
    "nacl.exceptions",
    "nacl.signing.VerifyKey",
    "orjson",
]
# The two engines that evaluate a contract's guards; pure, but other apps have no use for them.
ONLY_CLAIMS_MAY_IMPORT = ("cel", "cel_expr_python")
LONG_FILES = {
    "ledger/verifier/theriac_verify.py": "one file by design: it is copied whole",
}
LONG_FUNCTIONS: dict[str, str] = {}
# Modules that nobody imports: programs, what a framework finds by name.
ENTRY_POINTS = re.compile(
    r"(?:manage|.*\.(?:apps|admin|tasks|wsgi|celery|settings|__main__|__init__)"
    r"|.*\.management\.commands\..*|.*\.migrations\..*|ops\.(?:bootstrap|requirements|skips)"
    r"|ledger\.verifier\.theriac_verify|theriac_client\.packaging\.client_wheel|benchmarks\..*)"
)
NAMED_IN_SETTINGS = {
    "accounts.authentication",
    "accounts.backends",
    "accounts.lockout",
    "accounts.middleware",
    "accounts.urls",
    "config.formats.en.formats",
    "config.urls",
    "foundation.logs",
    "claims.holders",  # by the app's ready()
    "records.holders",  # by the app's ready()
    "ledger.health",  # by the app's ready()
    "vault.health",  # by the app's ready()
    "ledger.middleware",
    "foundation.middleware",
    "foundation.openapi",
    "foundation.parsers",
    "vault.urls",
    "web.ceremonies.urls",
    "web.explorer.urls",
    "web.scan.urls",
    "web.urls",
    "web.verify.urls",
}
# Cores whose services are not built yet: each line goes when its app writes to the ledger.
NOT_CALLED_YET = {
    "ledger.core.columns": "the tests hold the tables to it",
    "provenance.core.event_hash": "the repository of GS1 queries answers with it",
}


def sources(*apps: str) -> list[Path]:
    """Return our Python files, without migrations."""
    return [
        path
        for app in apps or (*APPS, CLIENT)
        for path in sorted((ROOT / app).rglob("*.py"))
        if "migrations" not in path.parts
    ]


def module_of(path: Path) -> str:
    """Return the dotted name of a file."""
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    return name.removesuffix(".__init__")


def imports_of(path: Path) -> list[tuple[int, str]]:
    """Return (line, dotted name) of everything a file imports, anywhere in it."""
    found: list[tuple[int, str]] = []
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            found += [(node.lineno, name.name) for name in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively"
            found += [(node.lineno, f"{node.module}.{name.name}") for name in node.names]
    return found


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, id=module_of(path)) for path in sources() if "core" in path.parts],
)
def test_core_imports_values_only(path: Path) -> None:
    """Core reaches other cores and the list, so by induction nothing else."""
    allowed = list(CORE_MAY_IMPORT)
    if path.is_relative_to(ROOT / "claims"):
        allowed += ONLY_CLAIMS_MAY_IMPORT
    for line, name in imports_of(path):
        app, *rest = name.split(".")
        is_core = app in APPS and rest[:1] == ["core"]
        assert is_core or f"{name}.".startswith(tuple(f"{ok}." for ok in allowed)), (line, name)
    forbidden = {"open", "eval", "exec", "__import__"}
    for node in ast.walk(ast.parse(path.read_bytes())):
        assert not (isinstance(node, ast.Name) and node.id in forbidden), node.id


@pytest.mark.parametrize(
    "path", [pytest.param(path, id=module_of(path)) for path in sources(CLIENT)]
)
def test_the_members_package_needs_no_app(path: Path) -> None:
    for line, name in imports_of(path):
        app, *rest = name.split(".")
        is_core = app in APPS and rest[:1] == ["core"]
        assert is_core or app in CLIENT_MAY_IMPORT, (line, name)


@pytest.mark.parametrize(
    "path", [pytest.param(path, id=str(path.relative_to(ROOT))) for path in sources()]
)
def test_files_and_functions_are_short(path: Path) -> None:
    text = path.read_text()
    if str(path.relative_to(ROOT)) not in LONG_FILES:
        assert len(text.splitlines()) <= FILE_LINES_MAX
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            name = f"{module_of(path)}.{node.name}"
            assert node.end_lineno - node.lineno < FUNCTION_LINES_MAX or name in LONG_FUNCTIONS


def test_migrations_have_telling_names() -> None:
    names = [path.stem for app in APPS for path in (ROOT / app).glob("migrations/0*.py")]
    assert names
    assert [name for name in names if "_auto_" in name or name.endswith("_initial")] == []


def test_no_module_is_dead() -> None:
    files = sources()
    modules = {module_of(path) for path in files}
    imported: set[str] = set()
    migrations = [path for app in APPS for path in (ROOT / app).glob("migrations/*.py")]
    for path in [*files, *migrations, ROOT / "manage.py"]:
        for _, name in imports_of(path):
            # `from a.b import c` is of module a.b, or of module a.b.c.
            imported |= {name, name.rpartition(".")[0]} & modules - {module_of(path)}
    dead = {
        name
        for name in modules - imported - NAMED_IN_SETTINGS
        if not ENTRY_POINTS.fullmatch(name) and name not in (*APPS, CLIENT)
    }
    packages = {name for name in dead if (ROOT / name.replace(".", "/")).is_dir()}
    assert dead - packages == set(NOT_CALLED_YET)


def normal(name: str) -> str:
    """Return a distribution's name as indexes compare it (PEP 503)."""
    return re.sub("[-_.]+", "-", name).lower()


@functools.cache
def modules_of_every_clone() -> frozenset[str]:
    """Return the top-level modules of what ``requirements.txt`` pins."""
    text = (ROOT / "requirements.txt").read_text()
    pins = re.findall(r"^([\w.-]+)(?:\[.*\])?==", text, re.MULTILINE)
    pinned = {normal(name) for name in pins}
    return frozenset(
        module
        for module, names in packages_distributions().items()
        if pinned & {normal(name) for name in names}
    )


TESTS = list(ROOT.glob("tests/**/*.py"))


@pytest.mark.parametrize(
    "path", [pytest.param(path, id=str(path.relative_to(ROOT))) for path in [*sources(), *TESTS]]
)
def test_a_module_loads_with_what_every_clone_installs(path: Path) -> None:
    """The gate's tools are imported by ``importorskip`` or inside functions: users lack them."""
    names: set[str] = set()
    for node in ast.parse(path.read_bytes()).body:
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    own = {*APPS, CLIENT, "tests", "benchmarks"} | sys.stdlib_module_names
    assert names - own <= modules_of_every_clone()


DOCUMENTS = [
    path
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    if ".venv" not in path.parts and "node_modules" not in path.parts
]


@pytest.mark.parametrize(
    "path", [pytest.param(path, id=str(path.relative_to(ROOT))) for path in DOCUMENTS]
)
def test_links_of_documents_resolve(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", path.read_text()):
        if not target.startswith(("http:", "https:", "mailto:")):
            assert (path.parent / target).exists(), target
