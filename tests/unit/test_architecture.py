"""The house rules: imports go one way, the UI knows only HTTP, importing does nothing."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import yaml

from settings import ROOT
from tests.helpers.repository import cluster_files

LAYERS = ["settings", "models", "training", "serve_deployments"]
ALLOWED = {layer: set(LAYERS[: i + 1]) for i, layer in enumerate(LAYERS)} | {"ui": {"settings", "ui"}}
HEAVY = ("ray", "torch", "xgboost", "mlflow")


def _files(layer: str) -> list[Path]:
    return [ROOT / "settings.py"] if layer == "settings" else sorted((ROOT / layer).rglob("*.py"))


@cache
def _parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text())


def _imported(file: Path) -> set[str]:
    names = set()
    for node in ast.walk(_parsed(file)):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("layer", ALLOWED)
def test_imports_never_run_back_up(layer: str) -> None:
    ours = {*LAYERS, "ui", "app", "tests", "benchmarks"}
    for file in _files(layer):
        assert _imported(file) & ours <= ALLOWED[layer], file


def test_ui_knows_only_http() -> None:
    for file in _files("ui"):
        assert not _imported(file) & {*HEAVY, "pandas"}, file


def test_import_starts_nothing_and_loads_no_model() -> None:
    """In an interpreter of its own, where nothing else has imported anything."""
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


def test_serve_config_is_what_serve_build_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """``cluster/serve.yaml`` is up to date, and Ray Serve takes it."""
    from ray.serve.schema import ServeDeploySchema

    import app

    for name in list(os.environ):
        if name.startswith("AIR_"):
            monkeypatch.delenv(name)
    written = (ROOT / "cluster" / "serve.yaml").read_text()
    assert written == cluster_files.program("build_serve_config").config(), "run python cluster/build_serve_config.py"
    config = ServeDeploySchema.model_validate(yaml.safe_load(written))
    assert {item.name: item.route_prefix for item in config.applications} == app.ROUTES


def test_every_file_opens_with_what_it_is() -> None:
    for layer in (*ALLOWED, "tests", "benchmarks"):
        for file in _files(layer):
            assert ast.get_docstring(_parsed(file)), file


def test_requirements_are_exact_and_each_has_a_reason() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        for line in (ROOT / name).read_text().splitlines():
            if line and not line.startswith(("#", "-r")):
                requirement, _, reason = line.partition("#")
                assert "==" in requirement, line
                assert reason.strip(), line
