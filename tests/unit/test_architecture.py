"""The house rules: imports go one way, the UI knows only HTTP, importing does nothing."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from settings import ROOT

LAYERS = ["settings", "models", "training", "serve_deployments"]
ALLOWED = {layer: set(LAYERS[: i + 1]) for i, layer in enumerate(LAYERS)} | {"ui": {"settings", "ui"}}
HEAVY = ("ray", "torch", "xgboost", "mlflow")


def _files(layer: str) -> list[Path]:
    return [ROOT / "settings.py"] if layer == "settings" else sorted((ROOT / layer).rglob("*.py"))


def _imported(file: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
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


@pytest.mark.parametrize(
    "module", ["app", "serve_deployments.cifar10", "serve_deployments.breast_cancer", "serve_deployments.control"]
)
def test_import_starts_nothing_and_loads_no_model(module: str) -> None:
    script = (
        f"import sys, threading, {module}, ray; "
        "assert not ray.is_initialized(); "
        "assert 'torch' not in sys.modules and 'mlflow' not in sys.modules and 'xgboost' not in sys.modules"
    )
    ended = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr


def test_serve_config_is_what_serve_build_says() -> None:
    """``cluster/serve.yaml`` is up to date, and Ray Serve takes it."""
    from ray.serve.schema import ServeDeploySchema

    import app

    written = (ROOT / "cluster" / "serve.yaml").read_text()
    program = "import sys; sys.path.insert(0, 'cluster'); import build_serve_config as b; print(b.config(), end='')"
    built = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("AIR_")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert built.stdout == written, f"run python cluster/build_serve_config.py\n{built.stderr}"
    config = ServeDeploySchema.model_validate(yaml.safe_load(written))
    assert {item.name: item.route_prefix for item in config.applications} == app.ROUTES


def test_every_file_opens_with_what_it_is() -> None:
    for layer in (*ALLOWED, "tests", "benchmarks"):
        for file in _files(layer):
            assert ast.get_docstring(ast.parse(file.read_text())), file


def test_requirements_are_exact_and_each_has_a_reason() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        for line in (ROOT / name).read_text().splitlines():
            if line and not line.startswith(("#", "-r")):
                requirement, _, reason = line.partition("#")
                assert "==" in requirement, line
                assert reason.strip(), line
