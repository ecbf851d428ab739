"""The chapter's sections over HTTP, and its programs as jobs: who may run which, and their pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.helpers.in_process import chapter
from tests.helpers.in_process.studio import Studio
from training.chapter import described
from training.jobs.store import Store

RUN = {"kind": "example", "config": {"name": "xgboost_trainer"}}


@pytest.fixture(autouse=True)
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Short programs of the chapter; that of one section is missing."""
    chapter.with_programs(monkeypatch, tmp_path, "mars")
    return tmp_path


@pytest.fixture
def job_id(admin: httpx.Client) -> Iterator[str]:
    """An example that was queued; it does not outlive the test."""
    queued = admin.post("/jobs", json=RUN)
    assert queued.status_code == 202, queued.text
    yield queued.json()["id"]
    admin.post(f"/jobs/{queued.json()['id']}/cancel")


def test_sections_have_their_texts_names_and_programs_in_the_chapters_order(anyone: httpx.Client) -> None:
    found = anyone.get("/examples").json()["examples"]
    assert [section["name"] for section in found] == [name for name in described() if name != "mars"]
    section = next(section for section in found if section["name"] == "xgboost_trainer")
    assert section["title"] == {"en": "XGBoostTrainer on two workers", "zh": "用兩個 worker 執行 XGBoostTrainer"}
    assert section["old"][:2] == ["XGBoostTrainer", "label_column"]
    assert section["today"][0] == "ray.train.xgboost.XGBoostTrainer"
    assert (section["screen"], section["extra"]) == ("Retrain", None)
    assert section["source"].endswith('print("<b>xgboost_trainer</b>")\n')


def test_example_is_a_job_without_a_model(public: Studio, anyone: httpx.Client, job_id: str) -> None:
    running = chapter.play(public, job_id)
    shown = anyone.get(f"/jobs/{job_id}").json()
    assert (shown["kind"], shown["model"], shown["config"]) == ("example", "", {"name": "xgboost_trainer"})
    running.succeed({"seconds": 7.3})
    assert anyone.get(f"/jobs/{job_id}").json()["result"] == {"seconds": 7.3}
    assert next(job for job in anyone.get("/jobs").json()["jobs"] if job["id"] == job_id)["state"] == "succeeded"


def test_example_that_failed_is_run_again(
    public: Studio, anyone: httpx.Client, admin: httpx.Client, job_id: str
) -> None:
    chapter.play(public, job_id).fail('examples.modin needs Modin: run "make extras" first.')
    assert anyone.get(f"/jobs/{job_id}").json()["error"] == 'examples.modin needs Modin: run "make extras" first.'
    assert admin.post(f"/jobs/{job_id}/resume").status_code == 202
    chapter.play(public, job_id).succeed({"seconds": 1.0})


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"kind": "example"}, "config.name: is missing."),
        (
            {"kind": "example", "config": {"name": "mars"}},
            "config.name: there is no example 'mars'; there are read_csv,",
        ),
        ({"kind": "example", "config": {"name": "../app"}}, "config.name: there is no example '../app'; there are"),
        ({"kind": "example", "config": {"name": "__init__"}}, "config.name: there is no example '__init__'; there are"),
        ({**RUN, "model": "cifar10"}, "model: an example has no model, got 'cifar10'."),
        ({"kind": "train"}, "model: is missing."),
    ],
)
def test_wrong_example_is_refused_with_what_is_wrong(admin: httpx.Client, body: dict[str, Any], sentence: str) -> None:
    refused = admin.post("/jobs", json=body)
    assert refused.status_code == 422
    assert refused.json()["error"]["message"].startswith(sentence)


def test_example_needs_the_rights_of_a_training(public: Studio, anyone: httpx.Client, job_id: str) -> None:
    chapter.play(public, job_id)
    assert anyone.post("/jobs", json=RUN).status_code == 401
    assert anyone.post(f"/jobs/{job_id}/cancel").status_code == 401
    assert anyone.get(f"/jobs/{job_id}/logs").status_code == 401


def test_picture_of_an_example_is_served_once_it_is_drawn(public: Studio, anyone: httpx.Client, job_id: str) -> None:
    running = chapter.play(public, job_id)
    waiting = anyone.get(f"/jobs/{job_id}/picture")
    assert (waiting.status_code, waiting.json()["error"]["message"]) == (404, f"Job {job_id} has drawn no picture.")
    running.draws("another")
    assert anyone.get(f"/jobs/{job_id}/picture").status_code == 404
    drawn = running.draws("xgboost_trainer")
    shown = anyone.get(f"/jobs/{job_id}/picture")
    assert (shown.status_code, shown.content) == (200, drawn)
    assert (shown.headers["Content-Type"], shown.headers["X-Content-Type-Options"]) == ("image/png", "nosniff")


def test_no_other_job_has_a_picture(public: Studio, anyone: httpx.Client) -> None:
    training = Store(public.settings).create("train", "breast-cancer", {})
    assert anyone.get(f"/jobs/{training.id}/picture").status_code == 404
    assert anyone.get("/jobs/nothing/picture").status_code == 404
    Store(public.settings).delete(training.id)
