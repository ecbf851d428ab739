"""The house rules: imports go one way without cycles, folders and files stay small, imports have no side effects."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
import yaml

from models import specs
from settings import ROOT
from tests.helpers.repository import cluster_files

LAYERS = ["settings", "models", "training", "serve_deployments"]
PRODUCT = {"app", "ui", *LAYERS}
ALLOWED = {layer: set(LAYERS[: i + 1]) for i, layer in enumerate(LAYERS)} | {
    "ui": {"settings", "ui"},
    "app": PRODUCT,
    "benchmarks": {"benchmarks", *LAYERS},
    "examples": {"examples", "training", "models", "settings"},
    "cluster": {"cluster", "app", "models", "settings"},
}
OURS = {*ALLOWED, "tests"}
FOLDERS = sorted(OURS - {"settings", "app"})
HEAVY = ("ray", "torch", "xgboost", "mlflow")
MOST_FILES, MOST_LINES = 12, 350
# The chapter's list, one program a section: as many files as it has sections, each read in a minute.
EXAMPLES, MOST_LINES_OF_AN_EXAMPLE = "examples", 60
SAY_NOTHING = {"core", "common", "utils"}


def _files(layer: str) -> list[Path]:
    return sorted((ROOT / layer).rglob("*.py")) if (ROOT / layer).is_dir() else [ROOT / f"{layer}.py"]


def _all_files() -> list[Path]:
    return [file for layer in sorted(OURS) for file in _files(layer)]


def _name(file: Path) -> str:
    """A file as the messages of these tests name it."""
    return str(file.relative_to(ROOT))


@cache
def _parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text())


def _file_of(module: str) -> Path | None:
    """The file of one of our modules."""
    path = ROOT / module.replace(".", "/")
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.exists()), None)


def _modules(node: ast.AST) -> list[str]:
    """The modules that an import names; ``from a import b`` names ``a.b`` where that is a module, else ``a``."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module:
        inner = [f"{node.module}.{alias.name}" for alias in node.names]
        return [name if _file_of(name) else node.module for name in inner]
    return []


def _imported(file: Path) -> set[str]:
    """The first names of all imports of a file, those inside functions too."""
    return {module.split(".")[0] for node in ast.walk(_parsed(file)) for module in _modules(node)}


def _run_at_import(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that run when a module is imported, in blocks too; not those of functions or type checkers."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        for inner in ("body", "orelse", "finalbody"):
            yield from _run_at_import(getattr(node, inner, []))


@pytest.mark.parametrize("layer", ALLOWED)
def test_imports_never_run_back_up(layer: str) -> None:
    for file in _files(layer):
        wrong = _imported(file) & OURS - ALLOWED[layer]
        assert not wrong, f"{_name(file)} imports from {wrong}; {layer} may import from {ALLOWED[layer]} only"


def test_no_module_imports_itself_by_way_of_others() -> None:
    graph: dict[Path, set[Path]] = {}
    for file in _all_files():
        modules = [module for node in _run_at_import(_parsed(file).body) for module in _modules(node)]
        graph[file] = {target for module in modules if (target := _file_of(module))} - {file}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"these import each other: {' ← '.join(map(_name, error.args[1]))}")


def test_ui_knows_only_http() -> None:
    for file in _files("ui"):
        wrong = _imported(file) & {*HEAVY, "pandas"}
        assert not wrong, f"{_name(file)} imports {wrong}; the page gets everything from the API"


@pytest.mark.parametrize("folder", [folder for folder in FOLDERS if folder != EXAMPLES])
def test_folders_hold_a_dozen_files_at_most(folder: str) -> None:
    for place in {file.parent for file in _files(folder)}:
        found = {file.name for file in place.glob("*.py")} - {"__init__.py"}
        if folder == "tests" and "helpers" not in place.parts:
            found = {name for name in found if not name.startswith("test_")}
        assert len(found) <= MOST_FILES, f"{_name(place)} holds {len(found)} Python files: put some in folders of it"


@pytest.mark.parametrize("folder", FOLDERS)
def test_names_of_modules_say_what_is_in_them(folder: str) -> None:
    for file in _files(folder):
        if file.name == "__init__.py":
            continue
        words = {word.rstrip("s") for word in file.stem.split("_")}
        wrong = words & {word.rstrip("s") for word in (*SAY_NOTHING, file.parent.name)}
        assert not wrong, f"{_name(file)}: {wrong} says nothing, or repeats the name of its folder"


@pytest.mark.parametrize("layer", sorted(OURS))
def test_files_are_short(layer: str) -> None:
    most = MOST_LINES_OF_AN_EXAMPLE if layer == EXAMPLES else MOST_LINES
    for file in _files(layer):
        lines = len(file.read_text().splitlines())
        assert lines <= most, f"{_name(file)} has {lines} lines, {most} are allowed: split it"


DEFINED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def test_examples_run_only_as_programs() -> None:
    """Importing one, as the page does to show its docstring, runs nothing."""
    harmless = (ast.Import, ast.ImportFrom, *DEFINED, ast.Assign, ast.AnnAssign)
    for file in _files(EXAMPLES):
        docstring, *body = _parsed(file).body
        started = [node for node in body if not isinstance(node, harmless)]
        if file.name == "__init__.py":
            assert started == [], f"{_name(file)} runs code at import"
            continue
        assert [ast.unparse(node).splitlines()[0] for node in started] == ["if __name__ == '__main__':"], _name(file)


def test_import_starts_nothing_and_loads_no_model() -> None:
    """In an interpreter of its own, which has imported nothing yet."""
    modules = ["app", "serve_deployments.cifar10", "serve_deployments.breast_cancer", "serve_deployments.control"]
    script = f"""
import sys
from importlib import import_module
for module in {modules}:
    import_module(module)
    import ray
    assert not ray.is_initialized(), f"{{module}} starts Ray"
    loaded = {{"torch", "mlflow", "xgboost"}} & set(sys.modules)
    assert not loaded, f"{{module}} loads {{loaded}}"
"""
    ended = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr


def test_serve_config_is_what_serve_build_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    """``cluster/serve.yaml`` is up to date, and Ray Serve accepts it."""
    from ray.serve.schema import ServeDeploySchema

    import app

    for name in list(os.environ):
        if name.startswith("AIR_"):
            monkeypatch.delenv(name)
    written = (ROOT / "cluster" / "serve.yaml").read_text()
    assert written == cluster_files.program("build_serve_config").config(), "run python cluster/build_serve_config.py"
    config = ServeDeploySchema.model_validate(yaml.safe_load(written))
    routes = {name: app.route(name) for name in (*specs.names(), app.CONTROL_APP, app.UI_APP)}
    assert {item.name: item.route_prefix for item in config.applications} == routes


def test_every_file_begins_with_a_docstring() -> None:
    for file in _all_files():
        assert ast.get_docstring(_parsed(file)), f"{_name(file)} has no docstring"


def test_requirements_are_exact_and_each_has_a_reason() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        for line in (ROOT / name).read_text().splitlines():
            if line and not line.startswith(("#", "-r")):
                requirement, _, reason = line.partition("#")
                assert "==" in requirement, line
                assert reason.strip(), line


# What only a spec may say: names, labels and sizes of the models that ship.
OF_A_MODEL = re.compile(r"cifar.?10|breast.?cancer|malignant|benign|\bthirty\b|32, 32", re.IGNORECASE)
# The commands and applications by the names of the shipped models, and the variable that names a folder of CIFAR-10.
NAMED_AFTER_A_MODEL = {
    *(f"{layer}/{name}.py" for layer in ("training", "serve_deployments") for name in ("cifar10", "breast_cancer")),
    "settings.py",
}


def _without_docstrings(tree: ast.Module) -> Iterator[str]:
    """Names and texts of a program, without what it says about itself."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {
        id(node.body[0].value) for node in ast.walk(tree) if isinstance(node, documented) and ast.get_docstring(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value
        elif isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr


@pytest.mark.parametrize("layer", ["settings", "models", "training", "serve_deployments", "ui", "app"])
def test_program_names_no_model(layer: str) -> None:
    for file in _files(layer):
        if _name(file) not in NAMED_AFTER_A_MODEL:
            named = [text for text in _without_docstrings(_parsed(file)) if OF_A_MODEL.search(text)]
            assert not named, f"{_name(file)} names a model: {named}; say it in a spec"
    for file in [*(ROOT / "ui").rglob("*.js"), *(ROOT / "ui").rglob("*.html")]:
        assert not OF_A_MODEL.search(file.read_text()), file
