"""The Batch screen in real Chromium: upload files, see their problems, predict, search the result, download it.

No job runs: the test answers with the studio's own model (``tests.helpers.in_process.played_batches``).
"""

from __future__ import annotations

import csv
import io
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.helpers import models
from tests.helpers.clients.screens import (
    IMAGES,
    PHONE,
    TABLE,
    assert_accessible,
    assert_fits,
    button,
    copied_code,
    later,
    sign_in,
    to_batch,
)
from tests.helpers.in_process.played import Played, wait_for
from tests.helpers.in_process.played_batches import predict
from tests.helpers.in_process.studio import Studio
from training.datasets.tables import read


@pytest.fixture
def open_screen(open_page: Callable[..., Page]) -> Callable[..., Page]:
    """Opens the Batch screen."""
    return lambda url, **options: to_batch(open_page(url, **options))


@pytest.fixture
def two_bad_lines(tmp_path: Path) -> Path:
    """A CSV file of eight real rows, two of which cannot be read."""
    table = read(models.ROWS)
    rows = [dict(zip(table.names, row, strict=True)) for row in table.rows("validation", 8).tolist()]
    rows[2]["mean radius"] = "<b id='injected'>"
    rows[5]["worst area"] = ""
    path = tmp_path / "two bad <b id='injected'> lines.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def _choose(page: Page, *names: str) -> None:
    for name in names:
        page.get_by_role("radio", name=name, exact=True).check()


def _give(page: Page, field: str, path: Path) -> None:
    page.locator(f"#air-batch-{field} input[type=file]").set_input_files(path)


def _press(page: Page, name: str, api: httpx.Client) -> str:
    """Press the button that starts a prediction; returns the job's id."""
    button(page, name).click()
    expect(page.locator("#air-batch-note")).to_contain_text("Queued.")
    return _newest(api)["id"]


def _newest(api: httpx.Client) -> dict[str, Any]:
    return next(job for job in api.get("/jobs").json()["jobs"] if job["kind"] == "batch_predict")


def _state(page: Page, text: str | re.Pattern[str]) -> None:
    expect(page.locator("#air-batch-job .air-notice")).to_have_text(text)


def _download(page: Page, name: str) -> Path:
    with page.expect_download() as download:
        page.get_by_role("link", name=name).click()
    return download.value.path()


def _counts(page: Page, text: str) -> None:
    expect(page.locator("#air-batch-count")).to_contain_text(text)


def test_from_a_csv_with_two_bad_lines_to_the_downloaded_file(
    open_screen: Callable[..., Page], public: Studio, admin: httpx.Client, jobs: str, two_bad_lines: Path
) -> None:
    before = len(admin.get(jobs).json()["jobs"])
    page = open_screen(public.url)
    sign_in(page)
    _choose(page, TABLE, "My own files")
    expect(page.locator("#air-batch-own")).to_contain_text("Whoever can open this page can see the results")
    _give(page, "table", two_bad_lines)
    expect(page.locator("#air-batch-check .air-notice")).to_contain_text("6 of 8 rows can be read")
    expect(page.locator(".air-problems tbody tr")).to_have_text(
        [re.compile(r"line 4\s*mean radius.*<b id='injected'>"), re.compile(r"line 7\s*worst area")]
    )
    assert len(admin.get(jobs).json()["jobs"]) == before
    job = _press(page, "Go on with the 6 good ones", admin)
    expect(page.locator("#air-batch-job h2")).to_have_text(f"Breast cancer, {two_bad_lines.name}")
    predict(public, job)
    later(page)
    _state(page, "Done: 6 predicted, 2 could not be read.")
    expect(page.locator("#air-batch-job h2")).to_have_text(f"Breast cancer, {two_bad_lines.name}")
    _counts(page, "1 to 8 of 8")
    _choose(page, "Errors (2)")
    _counts(page, "1 to 2 of 2")
    expect(page.locator(".air-rows tbody th")).to_have_text(["4", "7"])
    expect(page.locator(".air-rows tbody tr").first).to_contain_text("mean radius")
    expect(page.locator("#injected")).to_have_count(0)
    written = list(csv.DictReader(io.StringIO(_download(page, "predictions.csv").read_text("utf-8-sig"))))
    assert [bool(row["error"]) for row in written] == [False, False, True, False, False, True, False, False]
    answered = admin.get(f"{jobs}/{job}/rows").json()["rows"]
    assert [row["label"] or None for row in written] == [row["label"] for row in answered]
    assert _download(page, "predictions.parquet").read_bytes()[:4] == b"PAR1"
    assert not list(Path(tempfile.gettempdir(), "gradio").rglob("two bad*"))
    wait_for(lambda: not list(Path(os.environ["GRADIO_TEMP_DIR"]).rglob("two bad*")))


def test_result_of_the_test_set_is_searched_page_by_page(
    open_screen: Callable[..., Page], public: Studio, admin: httpx.Client, jobs: str
) -> None:
    page = open_screen(public.url)
    sign_in(page)
    _choose(page, TABLE)
    result = predict(public, _press(page, "Predict the test set", admin))
    later(page)
    _state(page, re.compile(r"^Done: \d+ predicted\.$"))
    job = _newest(admin)
    url = f"{jobs}/{job['id']}/rows"
    assert (job["model"], job["config"]["upload"], job["result"]) == ("breast-cancer", None, result)
    summary = page.locator("#air-batch-summary")
    expect(summary).to_contain_text(f"Version {result['version']} answered {result['rows']} of {result['rows']} rows")
    expect(summary).to_contain_text(f"{result['right']} of {result['rows']} as the truth says")
    for label, count in result["labels"].items():
        expect(summary.locator("li").filter(has_text=label).locator(".air-value")).to_contain_text(str(count))
    rows = result["rows"]
    assert 100 < rows < 150
    _counts(page, f"1 to 50 of {rows}")
    expect(button(page, "Earlier")).to_be_disabled()
    for shown in (f"51 to 100 of {rows}", f"101 to {rows} of {rows}"):
        button(page, "Later").click()
        _counts(page, shown)
    expect(button(page, "Later")).to_be_disabled()
    answered = admin.get(url, params={"offset": 100}).json()["rows"]
    expect(page.locator(".air-rows tbody th + td")).to_have_text([row["label"] for row in answered])
    button(page, "Earlier").click()
    _counts(page, f"51 to 100 of {rows}")
    page.get_by_label("Answered", exact=True).click()
    page.get_by_role("option", name=re.compile("^malignant")).click()
    malignant = result["labels"]["malignant"]
    _counts(page, f"1 to {min(malignant, 50)} of {malignant}")
    wrong = admin.get(url, params={"show": "wrong", "label": "malignant"}).json()["total"]
    _choose(page, f"Wrong ({rows - result['right']})")
    _counts(page, f"1 to {wrong} of {wrong}" if wrong else "0 of 0")
    expect(page.locator(".air-rows tbody tr").filter(has_text="wrong")).to_have_count(wrong)


def test_zip_of_pictures_with_one_that_is_none(
    open_screen: Callable[..., Page],
    public: Studio,
    admin: httpx.Client,
    jobs: str,
    small_cifar10: Path,
    tmp_path: Path,
) -> None:
    given = tmp_path / "holiday.zip"
    with zipfile.ZipFile(given, "w") as archive:
        for path in sorted((small_cifar10 / "test" / "cat").glob("*.png"))[:5]:
            archive.write(path, f"cats/{path.name}")
        archive.writestr("cats/torn.png", b"this is no picture")
    page = open_screen(public.url)
    sign_in(page)
    _choose(page, IMAGES, "My own files")
    _give(page, "pictures", given)
    expect(page.locator("#air-batch-check .air-notice")).to_contain_text("5 of 6 pictures can be read")
    expect(page.locator(".air-problems tbody td").first).to_have_text("cats/torn.png")
    unsure = predict(public, _press(page, "Go on with the 5 good ones", admin))["unsure"]
    later(page)
    _state(page, "Done: 5 predicted, 1 could not be read.")
    _choose(page, f"Unsure ({unsure})")
    _counts(page, f"1 to {unsure} of {unsure}" if unsure else "0 of 0")
    _choose(page, "Errors (1)")
    expect(page.locator(".air-rows tbody th")).to_have_text(["cats/torn.png"])


def test_two_browsers_and_a_reload_see_one_prediction_wait_for_a_training(
    open_screen: Callable[..., Page], public: Studio, admin: httpx.Client, jobs: str
) -> None:
    training = admin.post(jobs, json={"kind": "train", "model": "cifar10", "config": {"epochs": 500}}).json()["id"]
    Played(public, training)
    page = open_screen(public.url)
    sign_in(page)
    button(page, "Predict the test set").click()
    waiting = re.compile(
        r"^Waiting, number 1 in the queue\. One job runs at a time\. Before this one: .*\(a training\)"
    )
    _state(page, waiting)
    other = open_screen(public.url)
    _state(other, waiting)
    expect(button(other, "Cancel this prediction")).to_be_disabled()
    expect(other.locator("#air-batch-rows")).to_be_hidden()
    page.reload()
    to_batch(page)
    sign_in(page)
    _state(page, waiting)
    page.get_by_role("tab", name="Retrain").click()
    expect(page.locator("#air-jobs")).to_contain_text("training now")
    expect(page.locator("#air-jobs")).not_to_contain_text("the test set")
    page.get_by_role("tab", name="Batch").click()
    button(page, "Cancel this prediction").click()
    button(page, "No, continue").click()
    button(page, "Cancel this prediction").click()
    button(page, "Yes, stop it").click()
    _state(page, "Stopped.")
    later(other)
    _state(other, "Stopped.")
    expect(button(page, "Start it again")).to_be_enabled()
    expect(button(other, "Start it again")).to_be_disabled()


def test_file_that_is_no_table_or_is_gone_is_explained_in_a_sentence_and_asked_for_again(
    open_screen: Callable[..., Page], public: Studio, admin: httpx.Client, two_bad_lines: Path, tmp_path: Path
) -> None:
    page = open_screen(public.url)
    sign_in(page)
    _choose(page, TABLE, "My own files")
    # No two in a row are refused in the same words: what is read is about the last one.
    for number, content in enumerate((b"", b"mean radius,b\n1,2\n", b"a,b\n1,2\n")):
        path = tmp_path / f"<b id='injected'>{number}.csv"
        path.write_bytes(content)
        refused = admin.post("/uploads", params={"model": "breast-cancer"}, files={"file": (path.name, content)})
        said = refused.json()["error"]["message"]
        assert said.endswith(".")
        _give(page, "table", path)
        expect(page.locator("#air-batch-reading .air-problem")).to_have_text(said)
        expect(page.locator("#air-batch-table")).to_be_visible()
        expect(button(page, "Predict")).to_be_disabled()
        expect(page.locator("#injected")).to_have_count(0)

    _give(page, "table", two_bad_lines)
    start = button(page, "Go on with the 6 good ones")
    expect(start).to_be_enabled()
    for folder in (public.home / "uploads").iterdir():
        admin.delete(f"/uploads/{folder.name}").raise_for_status()
    start.click()
    expect(page.locator("#air-batch-note .air-problem")).to_have_text(
        re.compile(r"^There is no upload .* Send the files again\.$")
    )
    expect(page.locator("#air-batch-table")).to_be_visible()
    expect(button(page, "Predict")).to_be_disabled()


def test_example_file_can_be_given_and_copied_code_predicts_it(
    open_screen: Callable[..., Page], local: Studio, http: httpx.Client, tmp_path: Path
) -> None:
    page = open_screen(local.url)
    _choose(page, TABLE, "My own files")
    (tmp_path / "rows.csv").write_bytes(_download(page, "Example of such a file").read_bytes())
    code = copied_code(page)
    _give(page, "table", tmp_path / "rows.csv")
    expect(page.locator("#air-batch-check .air-good")).to_contain_text("all 6 rows can be read")
    expect(button(page, "Predict 6 rows")).to_be_enabled()

    known = {job["id"] for job in http.get("/jobs").json()["jobs"]}
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as program:
        wait_for(lambda: len(http.get("/jobs").json()["jobs"]) > len(known) or program.poll() is not None)
        if program.poll() is None:
            predict(local, _newest(http)["id"])
        printed, complained = program.communicate()
    assert program.returncode == 0, complained
    assert "succeeded" in printed
    assert len((tmp_path / "predictions.csv").read_text().splitlines()) == 7


def test_screen_is_accessible_and_fits_a_phone(
    open_screen: Callable[..., Page], local: Studio, http: httpx.Client, two_bad_lines: Path
) -> None:
    page = open_screen(local.url, viewport=PHONE)
    for model in (TABLE, IMAGES):
        _choose(page, model, "The test set")
        predict(local, _press(page, "Predict the test set", http))
        later(page)
        expect(page.locator("#air-batch-job h2")).to_have_text(f"{model.split(':')[0]}, the test set")
        _state(page, re.compile("^Done"))
        page.locator(".air-rows tbody tr").first.wait_for()
        _choose(page, "My own files")
        if model == TABLE:
            _give(page, "table", two_bad_lines)
            page.locator(".air-problems").wait_for()
        assert_accessible(page)
        assert_fits(page)
