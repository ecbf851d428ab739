"""Journeys that need everything at once: a browser, the page, HAProxy, Serve, and jobs that really run."""

from __future__ import annotations

import csv
import io
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Page, expect

from benchmarks.harness.running_app import RunningApp
from settings import ROOT
from tests.helpers import models
from tests.helpers.clients.jobs import RUNNER
from tests.helpers.clients.load import Answer, Load
from tests.helpers.clients.processes import wait_until_gone
from tests.helpers.clients.screens import DONE_MS, IMAGES, TABLE, button, give_picture, to_retrain, train
from training.datasets.tables import read

EXAMPLE = ROOT / "docs" / "example.png"
PICTURE = EXAMPLE.read_bytes()
PNG = {"Content-Type": "image/png"}
PAUSE_S = 0.5
LONG_MS = 3 * DONE_MS


@pytest.fixture
def rows_asked(api: str) -> Iterator[list[Answer]]:
    """Predicts with both models over 8 connections during a test; no prediction may fail. Gives the rows' answers."""
    row = requests.get(f"{api}/models/breast-cancer/examples?n=1").json()["examples"][0]["row"]
    with (
        Load(f"{api}/cifar10/predict", 4, PAUSE_S, data=PICTURE, headers=PNG) as pictures,
        Load(f"{api}/breast-cancer/predict", 4, PAUSE_S, json=row) as rows,
    ):
        yield rows.answers
    assert pictures.failed + rows.failed == []


def _state(page: Page, place: str, text: str | re.Pattern[str], timeout: float = LONG_MS) -> None:
    expect(page.locator(f"{place} .air-notice")).to_have_text(text, timeout=timeout)


def _newest(jobs: str, kind: str) -> dict[str, Any]:
    return next(job for job in requests.get(jobs).json()["jobs"] if job["kind"] == kind)


def test_picture_is_answered_corrected_and_the_correction_undone(
    open_page: Callable[..., Page], app: RunningApp, api: str
) -> None:
    page = open_page(app.url)
    give_picture(page, "air-images-picture", EXAMPLE)
    alone = requests.post(f"{api}/cifar10/predict", data=PICTURE, headers=PNG).json()["predictions"][0]
    expect(page.locator("#air-images-answer .air-verdict strong")).to_have_text(alone["label"])
    page.locator("#air-images-correct button", has_text=re.compile("^frog$")).click()
    expect(page.locator("#air-images-correct-note")).to_contain_text("Kept: it is a frog")
    [kept] = requests.get(f"{api}/corrections").json()["corrections"]
    assert (kept["label"], kept["answered"]) == ("frog", alone["label"])
    button(page, "Undo").click()
    expect(page.locator("#air-images-correct-note")).to_have_text("Undone: nothing is kept of this picture.")
    assert requests.get(f"{api}/corrections").json()["corrections"] == []


def test_from_the_button_to_the_version_in_service_and_back(
    open_page: Callable[..., Page], app: RunningApp, api: str, jobs: str, rows_asked: list[Answer]
) -> None:
    page = to_retrain(open_page(app.url))
    train(page, TABLE, "Trees", "20", "Boosted trees")
    expect(page.locator("#air-job")).to_contain_text("20 trees")
    page.reload()
    to_retrain(page)
    expect(page.locator("#air-job")).to_contain_text("20 trees")
    _state(page, "#air-job", re.compile(r"Done: made version \d+\."))
    job = requests.get(f"{jobs}/{_newest(jobs, 'train')['id']}").json()
    version = job["result"]["version"]
    assert [figures["step"] for figures in job["metrics"]] == list(range(20))
    assert job["metrics"][-1]["validation_logloss"] < job["metrics"][0]["validation_logloss"]
    assert job["progress"]["share"] == 1
    newest = requests.get(f"{api}/models/breast-cancer").json()["versions"][0]
    assert (newest["version"], newest["aliases"]) == (version, ["challenger"])
    assert newest["config"]["training"]["num_boost_round"] == 20

    expect(page.locator("#air-curves svg")).to_have_count(2)
    expect(page.locator("#air-comparison table.air-matrix")).to_have_count(2)
    before = page.locator("#air-now strong").inner_text().split()[1]
    page.get_by_label("Reason (optional)").fill("it is <i>new</i>")
    button(page, f"Promote version {version}").click()
    expect(page.get_by_text(f"Version {version} is the champion: every answer comes from it now.")).to_be_visible()
    expect(page.locator("#air-status")).to_contain_text(f"Breast cancer: version {version}, ready")
    _wait_for_answer(rows_asked, version)
    moved = page.locator("#air-moves tbody tr").first.locator("td")
    expect(moved).to_have_text([re.compile("."), "promoted", before, version, "it is <i>new</i>"])
    button(page, "Roll back").click()
    expect(page.get_by_text(f"Rolled back: version {before} answers again.")).to_be_visible()
    expect(page.locator("#air-status")).to_contain_text(f"Breast cancer: version {before}, ready")
    expect(moved.nth(1)).to_have_text("rolled back")
    _wait_for_answer(rows_asked, before)


def _wait_for_answer(answers: list[Answer], version: str) -> None:
    """New requests are answered by this version."""
    began = time.monotonic()
    while not (later := [answer for answer in list(answers) if answer.sent > began]):
        assert time.monotonic() < began + 30
        time.sleep(0.05)
    assert later[0].body["model"]["version"] == version


def test_two_browsers_watch_one_training_until_it_is_stopped(
    open_page: Callable[..., Page], app: RunningApp, api: str, jobs: str
) -> None:
    """No process of it is left, and it made no version."""
    before = requests.get(f"{api}/models/cifar10").json()["versions"]
    page = to_retrain(open_page(app.url))
    train(page, IMAGES, "Epochs Passes over all images", "500")
    _state(page, "#air-job", "Training now.")
    other = to_retrain(open_page(app.url))
    _state(other, "#air-job", "Training now.")
    page.locator("#air-curves svg").first.wait_for(timeout=LONG_MS)
    expect(page.get_by_role("progressbar")).to_be_visible()
    button(page, "Cancel this training").click()
    button(page, "Yes, stop it").click()
    for seen in (page, other):
        _state(seen, "#air-job", "Stopped.")
    stopped = _newest(jobs, "train")
    assert (stopped["state"], stopped["error"]) == ("stopped", None)
    assert wait_until_gone(app.processes(RUNNER) + app.processes("RayTrainWorker"), 30) == []
    assert requests.get(f"{api}/models/cifar10").json()["versions"] == before


def test_from_a_csv_with_two_bad_lines_to_the_downloaded_file(
    open_page: Callable[..., Page], app: RunningApp, api: str, jobs: str, tmp_path: Path
) -> None:
    table = read(models.ROWS)
    rows = [dict(zip(table.names, row, strict=True)) for row in table.rows("validation", 8).tolist()]
    given = [dict(row) for row in rows]
    given[2]["mean radius"], given[5]["worst area"] = "wide", ""
    path = tmp_path / "rows.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, table.names)
        writer.writeheader()
        writer.writerows(given)
    page = open_page(app.url)
    page.get_by_role("tab", name="Batch").click()
    for name in (TABLE, "My own files"):
        page.get_by_role("radio", name=name, exact=True).check()
    page.locator("#air-batch-table input[type=file]").set_input_files(path)
    button(page, "Go on with the 6 good ones").click()
    _state(page, "#air-batch-job", "Done: 6 predicted, 2 could not be read.")
    with page.expect_download() as download:
        page.get_by_role("link", name="predictions.csv").click()
    written = list(csv.DictReader(io.StringIO(download.value.path().read_text("utf-8-sig"))))
    assert [row["line"] for row in written] == ["2", "3", "4", "5", "6", "7", "8", "9"]
    assert [bool(row["error"]) for row in written] == [False, False, True, False, False, True, False, False]
    answers = requests.post(f"{api}/breast-cancer/predict", json=rows).json()["predictions"]
    for i, (row, answer) in enumerate(zip(written, answers, strict=True)):
        if i not in (2, 5):
            assert row["label"] == answer["label"]
            assert float(row["probability_malignant"]) == pytest.approx(answer["probability_malignant"], abs=1e-9)
    assert list((app.home / "uploads").iterdir()) == []


def test_from_the_search_to_the_training_with_what_it_found(
    open_page: Callable[..., Page], app: RunningApp, jobs: str
) -> None:
    page = open_page(app.url)
    page.get_by_role("tab", name="Tuning").click()
    page.get_by_role("radio", name=TABLE, exact=True).check()
    page.get_by_role("textbox", name=re.compile("^Trials")).fill("3")
    button(page, "Search").click()
    _state(page, "#air-study", re.compile(r"^Done: log loss 0\.\d+ in trial \d+\.$"))
    job = _newest(jobs, "tune")
    assert (job["model"], job["config"]["num_samples"], job["result"]["trials"]) == ("breast-cancer", 3, 3)
    expect(page.locator(".air-trials tbody tr")).to_have_count(3)
    button(page, "Train with the best").click()
    expect(page.get_by_role("tab", name="Retrain")).to_have_attribute("aria-selected", "true")
    depth = page.get_by_role("textbox", name="Max depth")
    expect(depth).to_have_value(str(job["result"]["config"]["max_depth"]))


def test_replica_is_killed_by_button_and_no_prediction_fails(
    open_page: Callable[..., Page], app: RunningApp, api: str
) -> None:
    page = open_page(app.url)
    page.get_by_role("tab", name="Cluster").click()
    replicas = page.locator("#air-workload-serving li", has_text="replica of cifar10")
    expect(replicas).to_have_count(2)
    before = set(replicas.locator("code").all_inner_texts())
    with Load(f"{api}/cifar10/predict", 4, 0.05, data=PICTURE, headers=PNG) as load:
        load.wait_for(20)
        button(page, "Kill a replica").click()
        said = re.compile(r"The replica (\d+) was killed\. \d+\.\d s later process (\d+) works in its place\.")
        expect(page.locator("#air-kill-note")).to_have_text(said, timeout=LONG_MS)
        load.wait_for(20)
    # The answer that is being written when its replica dies arrives cut; every other request is asked of another one.
    assert [answer for answer in load.failed if answer.problem != "ChunkedEncodingError"] == []
    assert len(load.failed) <= 1
    killed, new = said.search(page.locator("#air-kill-note").inner_text()).groups()
    assert killed in before
    assert new not in before
    expect(page.locator(f"#air-workload-serving li[data-pid='{killed}']")).to_have_count(0)
    expect(page.locator(f"#air-workload-serving li[data-pid='{new}']")).to_contain_text("new")
    assert len(app.processes("ServeReplica:cifar10:cifar10")) == 2
