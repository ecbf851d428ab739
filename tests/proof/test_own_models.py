"""Models that come and go cost the others nothing: no prediction is lost, and three more fit into memory."""

from __future__ import annotations

import time

import psutil
import requests

from benchmarks.harness import memory
from benchmarks.harness.running_app import RunningApp
from models import specs
from tests.helpers.clients.jobs import QUICK, Jobs
from tests.helpers.clients.load import Load
from tests.helpers.clients.own_models import add_vines
from tests.helpers.samples import wine

ENOUGH, MOST_MIB = 2_000, 6 * 1024
NAMES = ("vine", "vine-two", "vine-three")


def _memory(app: RunningApp) -> int:
    """The memory of an app's processes, MiB."""
    return memory.together([*app.processes(), *psutil.Process(app.process.pid).children(recursive=True)])


def test_no_prediction_is_lost_while_three_models_come_train_and_go(app: RunningApp) -> None:
    api = f"{app.url}/api"
    row = requests.get(f"{api}/models/breast-cancer/examples", params={"n": 1}).json()["examples"][0]["row"]
    session = requests.Session()
    jobs = Jobs(app, session)
    with Load(f"{api}/breast-cancer/predict", 4, pause=0.01, json=row) as load:
        for name in NAMES:
            add_vines(api, session, name)
            assert jobs.wait_until_ended(jobs.start(name, QUICK))["state"] == "succeeded"
            example = requests.get(f"{api}/models/{name}/examples", params={"n": 1}).json()["examples"][0]["row"]
            assert requests.post(f"{api}/{name}/predict", json=example).status_code == 200
        assert _memory(app) < MOST_MIB
        for name in NAMES:
            assert requests.delete(f"{api}/models/{name}").status_code == 204
        load.wait_for(max(0, ENOUGH - len(load.answers)), seconds=120)
    assert load.failed == []
    assert list(app.home.rglob("*vine*")) == []


def test_own_models_are_back_after_a_restart_and_a_removal_that_was_cut_off_is_finished(app: RunningApp) -> None:
    folder = app.home / "models"
    wine.write(app.home)
    _wait_until_served(app, "wine")
    (folder / "wine").rename(folder / ".gone-wine")  # as a removal that was killed leaves it
    deadline = time.monotonic() + 60
    while (folder / ".gone-wine").exists():
        assert time.monotonic() < deadline
        time.sleep(0.2)
    wine.write(app.home)
    app.stop()
    app.start()
    try:
        _wait_until_served(app, "wine")
        assert requests.get(f"{app.url}/api/readyz").json()["models"]["wine"] == "ready"
    finally:
        assert requests.delete(f"{app.url}/api/models/wine").status_code == 204
    assert set(requests.get(f"{app.url}/api/readyz").json()["models"]) == {
        spec.name for spec in specs.all_specs().values() if spec.is_shipped
    }


def _wait_until_served(app: RunningApp, model: str) -> None:
    deadline = time.monotonic() + 60
    while requests.get(f"{app.url}/api/{model}/predict").status_code != 405:
        assert time.monotonic() < deadline
        time.sleep(0.2)
