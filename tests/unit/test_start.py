"""What ``python app.py`` checks before it starts anything: settings, this machine, and Ray's loopback."""

from __future__ import annotations

import os
import re
import runpy
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import app
from benchmarks.harness.running_app import free_port
from serve_deployments import front, machine
from settings import ROOT, Settings, get_settings
from tests.unit.conftest import BUCKET


@pytest.fixture
def port() -> int:
    """A port that is free, with those behind it."""
    return free_port()


@pytest.fixture
def taken(port: int) -> Iterator[Callable[[int], None]]:
    """Makes another program listen at ``port`` plus an offset."""
    with socket.socket() as other:

        def take(offset: int) -> None:
            other.bind(("127.0.0.1", port + offset))
            other.listen()

        yield take


def _refusal(settings: Settings) -> str:
    """Why the app does not start with these settings: one line."""
    with pytest.raises(app.CannotStart) as refused:
        app.check_machine(settings)
    [line] = str(refused.value).splitlines()
    return line


def test_nothing_is_in_the_way_of_a_start_here(tmp_path: Path, port: int) -> None:
    app.check_machine(Settings(air_home=tmp_path / "home", air_port=port))
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_what_is_in_the_way_is_the_one_line_that_the_program_says(
    tmp_path: Path, port: int, taken: Callable[[int], None]
) -> None:
    taken(0)
    ended = subprocess.run(
        [sys.executable, "app.py"],
        cwd=ROOT,
        env={**os.environ, "AIR_PORT": str(port), "AIR_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode == 1
    assert ended.stderr == (
        f"error: Port {port} on 127.0.0.1 is taken by another program. Stop it, or choose another port: "
        f"AIR_PORT={port + 100} make run\n"
    )


@pytest.mark.parametrize("offset", [0, 2, 3, 4])
def test_taken_port_is_named_with_another_to_take(
    tmp_path: Path, port: int, taken: Callable[[int], None], offset: int
) -> None:
    taken(offset)
    said = _refusal(Settings(air_home=tmp_path, air_port=port))
    assert said.startswith(f"Port {port + offset}")
    assert "is taken by another program" in said
    assert said.endswith(f"AIR_PORT={port + 100} make run")


@pytest.mark.parametrize(("name", "value"), [("AIR_PORT", "web"), ("AIR_MODE", "secret")])
def test_wrong_setting_is_said_in_one_line(
    set_environment: Callable[..., None], capfd: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    set_environment(**{name: value})
    assert app.main() == 2
    [line] = capfd.readouterr().err.splitlines()
    assert line.startswith(f"error: {name}: ")
    assert line.endswith(f", got '{value}'.")


def test_app_that_runs_already_on_this_port_is_named(
    set_environment: Callable[..., None], tmp_path: Path, port: int, capfd: pytest.CaptureFixture[str]
) -> None:
    set_environment(AIR_PORT=str(port), AIR_TMP=str(tmp_path))
    with front.claim(get_settings()):
        assert app.main() == 1
    assert capfd.readouterr().err == (
        f"error: AIR Studio is already running on port {port}. Open http://localhost:{port}, stop it, or choose "
        f"another port: AIR_PORT={port + 100} make run\n"
    )


def test_home_that_cannot_be_written_is_named(tmp_path: Path, port: int) -> None:
    (tmp_path / "file").touch()
    home = tmp_path / "file" / "home"
    assert _refusal(Settings(air_home=home, air_port=port)) == (
        f"AIR_HOME ({home}) cannot be written: Not a directory. Set AIR_HOME to a folder that can."
    )


def test_disk_without_room_is_named(tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "MIN_FREE_BYTES", 2**80)  # no disk has that
    said = _refusal(Settings(air_home=tmp_path, air_port=port))
    assert re.match(rf"The disk of {tmp_path} has \d+ MB free; AIR Studio needs {2**60} MB\. Free some space", said)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"air_storage": "s3://nowhere/air"}, "AIR_STORAGE: there is no bucket 'nowhere'; create it or name"),
        ({"air_storage": "what://is/this"}, "AIR_STORAGE: what://is/this cannot be used: "),
        (
            {"mlflow_tracking_uri": "http://127.0.0.1:9"},
            "MLFLOW_TRACKING_URI: no MLflow server answers at http://127.0.0.1:9",
        ),
    ],
)
def test_storage_or_registry_that_does_not_work_is_named(
    s3: Any, tmp_path: Path, port: int, wrong: dict[str, str], sentence: str
) -> None:
    given = {"air_home": tmp_path, "air_port": port, "air_storage": f"s3://{BUCKET}/air"}
    assert _refusal(Settings(**given | wrong)).startswith(sentence)


def test_storage_server_that_cannot_be_reached_is_named(
    s3: Any, tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    said = _refusal(Settings(air_home=tmp_path, air_port=port, air_storage=f"s3://{BUCKET}/air"))
    assert said.startswith("AIR_STORAGE: http://127.0.0.1:9 cannot be reached; check")


@pytest.mark.parametrize(("address", "loopback"), [("", "0"), ("auto", None)])
def test_empty_ray_address_is_none_and_keeps_ray_on_loopback(
    monkeypatch: pytest.MonkeyPatch, address: str, loopback: str | None
) -> None:
    monkeypatch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "put back afterwards")
    monkeypatch.delenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER")
    monkeypatch.setenv("RAY_ADDRESS", address)
    runpy.run_path(str(ROOT / "app.py"), run_name="app_as_at_the_start")
    assert os.environ.get("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER") == loopback
    assert Settings().ray_address == (address or None)
