"""The Batch screen in real Chromium: give files, see what is wrong with them, predict, search the result, keep it.

`public_app`, `admin`, `app` and `browser` come from conftest.py.
"""

from __future__ import annotations

import contextlib
import csv
import io
import re
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import requests
from gradio.utils import get_upload_folder
from PIL import Image
from playwright.sync_api import Page, expect

from tests.conftest import WAIT_MS
from tests.helpers.screens import DONE_MS, PHONE, assert_fits, button, sign_in, violations
from training.datasets.breast_cancer import read_shipped
from ui import uploads
from ui.client import ApiError

IMAGES, TABLE = "Images: what a picture shows", "Table: malignant or benign"
SIGN_IN_FIRST = "Sign in first: only who has the admin's token may change things here."


@pytest.fixture
def open_screen(open_page):
    """Opens the Batch screen."""
    return lambda url, **options: _to_screen(open_page(url, **options))


@pytest.fixture
def rows():
    """Eight real rows of the table model."""
    table = read_shipped()
    return [dict(zip(table.features, row, strict=True)) for row in table.part("validation")[0][:8].tolist()]


@pytest.fixture
def two_bad_lines(rows, tmp_path):
    """A CSV file of those rows, two of which cannot be read."""
    rows[2]["mean radius"] = "<b id='injected'>"
    rows[5]["worst area"] = ""
    path = tmp_path / "two bad <b id='injected'> lines.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture
def held_training(public_app, admin, jobs):
    """A training that has begun and stands still: the queue waits for it, and the browsers have the machine."""
    admin.post(jobs, json={"kind": "train", "model": "cifar10", "config": {"epochs": 500}}).raise_for_status()
    deadline = time.monotonic() + DONE_MS / 1000
    while not (workers := public_app.processes("RayTrainWorker")):
        assert time.monotonic() < deadline, requests.get(jobs).json()["jobs"][0]
        time.sleep(0.2)
    for worker in workers:
        worker.suspend()
    yield
    for worker in workers:
        with contextlib.suppress(psutil.NoSuchProcess):
            worker.resume()


def _to_screen(page: Page) -> Page:
    page.get_by_role("tab", name="Batch").click()
    expect(page.locator("#air-batch-job")).not_to_contain_text("as soon as the service is up")
    expect(page.locator("#air-batch-jobs")).not_to_contain_text("as soon as the service is up")
    return page


def _choose(page: Page, *names: str) -> None:
    for name in names:
        page.get_by_role("radio", name=name, exact=True).check()


def _give(page: Page, field: str, path: Path) -> None:
    page.locator(f"#air-batch-{field} input[type=file]").set_input_files(path)


def _state(page: Page, text: str | re.Pattern[str]) -> None:
    expect(page.locator("#air-batch-job .air-notice")).to_have_text(text, timeout=DONE_MS)


def _newest(jobs: str) -> dict[str, Any]:
    return next(job for job in requests.get(jobs).json()["jobs"] if job["kind"] == "batch_predict")


def _download(page: Page, name: str) -> Path:
    with page.expect_download() as download:
        page.get_by_role("link", name=name).click()
    return download.value.path()


def _counts(page: Page, text: str) -> None:
    expect(page.locator("#air-batch-count")).to_contain_text(text)


def test_from_a_csv_with_two_bad_lines_to_the_downloaded_file(open_screen, public_app, jobs, two_bad_lines):
    before = len(requests.get(jobs).json()["jobs"])
    page = open_screen(public_app.url)
    sign_in(page)
    _choose(page, TABLE, "My own files")
    expect(page.locator("#air-batch-own")).to_contain_text("Whoever can open this page can see the results")
    _give(page, "table", two_bad_lines)
    expect(page.locator("#air-batch-check .air-notice")).to_contain_text("6 of 8 rows can be read")
    expect(page.locator(".air-problems tbody tr")).to_have_text(
        [re.compile(r"line 4\s*mean radius.*<b id='injected'>"), re.compile(r"line 7\s*worst area")]
    )
    assert len(requests.get(jobs).json()["jobs"]) == before
    button(page, "Go on with the 6 good ones").click()
    expect(page.locator("#air-batch-job h2")).to_have_text(f"Table, {two_bad_lines.name}")
    _state(page, "Done: 6 predicted, 2 could not be read.")
    _counts(page, "1 to 8 of 8")
    _choose(page, "Errors (2)")
    _counts(page, "1 to 2 of 2")
    expect(page.locator(".air-rows tbody th")).to_have_text(["4", "7"])
    expect(page.locator(".air-rows tbody tr").first).to_contain_text("mean radius")
    expect(page.locator("#injected")).to_have_count(0)
    written = list(csv.DictReader(io.StringIO(_download(page, "predictions.csv").read_text())))
    assert [bool(row["error"]) for row in written] == [False, False, True, False, False, True, False, False]
    told = requests.get(f"{jobs}/{_newest(jobs)['id']}/rows").json()["rows"]
    assert [row["label"] or None for row in written] == [row["label"] for row in told]
    assert _download(page, "predictions.parquet").read_bytes()[:4] == b"PAR1"
    assert not list(Path(tempfile.gettempdir(), "gradio").rglob("two bad*"))


def test_result_of_the_test_set_is_searched_page_by_page(open_screen, public_app, jobs):
    page = open_screen(public_app.url)
    sign_in(page)
    _choose(page, TABLE)
    button(page, "Predict the test set").click()
    _state(page, re.compile(r"^Done: \d+ predicted\.$"))
    job = _newest(jobs)
    result, url = job["result"], f"{jobs}/{job['id']}/rows"
    assert (job["model"], job["config"]["upload"]) == ("breast-cancer", None)
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
    told = requests.get(url, params={"offset": 100}).json()["rows"]
    expect(page.locator(".air-rows tbody th + td")).to_have_text([row["label"] for row in told])
    button(page, "Earlier").click()
    _counts(page, f"51 to 100 of {rows}")
    page.get_by_label("Answered", exact=True).click()
    page.get_by_role("option", name=re.compile("^malignant")).click()
    malignant = result["labels"]["malignant"]
    _counts(page, f"1 to {min(malignant, 50)} of {malignant}")
    wrong = requests.get(url, params={"show": "wrong", "label": "malignant"}).json()["total"]
    _choose(page, f"Wrong ({rows - result['right']})")
    _counts(page, f"1 to {wrong} of {wrong}" if wrong else "0 of 0")
    expect(page.locator(".air-rows tbody tr").filter(has_text="wrong")).to_have_count(wrong)


def test_zip_of_pictures_with_one_that_is_none(open_screen, public_app, jobs, small_cifar10, tmp_path):
    given = tmp_path / "holiday.zip"
    with zipfile.ZipFile(given, "w") as archive:
        for path in sorted((small_cifar10 / "test" / "cat").glob("*.png"))[:5]:
            archive.write(path, f"cats/{path.name}")
        archive.writestr("cats/torn.png", b"this is no picture")
    page = open_screen(public_app.url)
    sign_in(page)
    _choose(page, IMAGES, "My own files")
    _give(page, "pictures", given)
    expect(page.locator("#air-batch-check .air-notice")).to_contain_text("5 of 6 pictures can be read")
    expect(page.locator(".air-problems tbody td").first).to_have_text("cats/torn.png")
    button(page, "Go on with the 5 good ones").click()
    _state(page, "Done: 5 predicted, 1 could not be read.")
    unsure = _newest(jobs)["result"]["unsure"]
    _choose(page, f"Unsure ({unsure})")
    _counts(page, f"1 to {unsure} of {unsure}" if unsure else "0 of 0")
    _choose(page, "Errors (1)")
    expect(page.locator(".air-rows tbody th")).to_have_text(["cats/torn.png"])


@pytest.mark.usefixtures("held_training")
def test_two_browsers_and_a_reload_see_one_prediction_wait_for_a_training(open_screen, public_app):
    page = open_screen(public_app.url)
    sign_in(page)
    button(page, "Predict the test set").click()
    waiting = re.compile(
        r"^Waiting, number 1 in the queue\. One job runs at a time\. Before this one: .*\(a training\)"
    )
    _state(page, waiting)
    other = open_screen(public_app.url)
    _state(other, waiting)
    expect(button(other, "Cancel this prediction")).to_be_disabled()
    expect(other.locator("#air-batch-rows")).to_be_hidden()
    again = open_screen(public_app.url)
    sign_in(again)
    _state(again, waiting)
    again.get_by_role("tab", name="Retrain").click()
    expect(again.locator("#air-jobs")).not_to_contain_text("the test set")
    again.get_by_role("tab", name="Batch").click()
    button(again, "Cancel this prediction").click()
    button(again, "No, go on").click()
    button(again, "Cancel this prediction").click()
    button(again, "Yes, stop it").click()
    for seen in (page, other, again):
        _state(seen, "Stopped.")
    expect(button(page, "Start it again")).to_be_enabled()
    expect(button(other, "Start it again")).to_be_disabled()


def test_signing_in_on_one_screen_holds_on_the_other(open_screen, public_app):
    page = open_screen(public_app.url)
    expect(page.locator("#air-batch-why")).to_have_text(SIGN_IN_FIRST)
    expect(button(page, "Predict the test set")).to_be_disabled()
    _choose(page, "My own files")
    expect(page.locator("#air-batch-pictures")).to_be_hidden()
    page.get_by_role("tab", name="Retrain").click()
    sign_in(page)
    page.get_by_role("tab", name="Batch").click()
    _choose(page, "The test set")
    expect(button(page, "Predict the test set")).to_be_enabled()
    button(page, "Sign out").click()
    expect(button(page, "Predict the test set")).to_be_disabled()
    page.get_by_role("tab", name="Retrain").click()
    expect(button(page, "Train")).to_be_disabled()


def test_visitor_through_a_proxy_may_only_look(open_screen, app):
    page = open_screen(app.url, extra_http_headers={"X-Forwarded-For": "192.0.2.7"})
    expect(page.locator("#air-batch-why")).to_contain_text("You came here through a proxy")
    expect(button(page, "Predict the test set")).to_be_disabled()
    expect(button(open_screen(app.url), "Predict the test set")).to_be_enabled()


def test_upload_that_is_gone_is_told_and_asked_for_again(open_screen, public_app, admin, two_bad_lines):
    page = open_screen(public_app.url)
    sign_in(page)
    _choose(page, TABLE, "My own files")
    _give(page, "table", two_bad_lines)
    start = button(page, "Go on with the 6 good ones")
    expect(start).to_be_enabled()
    for folder in (public_app.home / "uploads").iterdir():
        admin.delete(f"{public_app.url}/api/uploads/{folder.name}").raise_for_status()
    start.click()
    expect(page.locator("#air-batch-note .air-problem")).to_have_text(re.compile(r".\.$"))
    expect(page.locator("#air-batch-table")).to_be_visible()
    expect(button(page, "Predict")).to_be_disabled()


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n"])
def test_file_that_is_no_table_is_refused_in_a_sentence(open_screen, public_app, tmp_path, content):
    path = tmp_path / "<b id='injected'>.csv"
    path.write_bytes(content)
    page = open_screen(public_app.url)
    sign_in(page)
    _choose(page, TABLE, "My own files")
    _give(page, "table", path)
    expect(page.locator("#air-batch-reading .air-problem")).to_have_text(re.compile(r".\.$"))
    expect(page.locator("#air-batch-table")).to_be_visible()
    expect(button(page, "Predict")).to_be_disabled()
    expect(page.locator("#injected")).to_have_count(0)


def test_example_file_is_one_that_can_be_given(open_screen, app):
    page = open_screen(app.url)
    _choose(page, TABLE, "My own files")
    example = _download(page, "Example of such a file")
    given = example.with_name("example.csv")
    given.write_bytes(example.read_bytes())
    _give(page, "table", given)
    expect(page.locator("#air-batch-check .air-good")).to_contain_text("all 6 rows can be read")
    expect(button(page, "Predict 6 rows")).to_be_enabled()


def test_copied_code_predicts_a_file_and_keeps_the_result(open_screen, app, tmp_path):
    page = open_screen(app.url)
    _choose(page, TABLE, "My own files")
    (tmp_path / "rows.csv").write_bytes(_download(page, "Example of such a file").read_bytes())
    screen = page.get_by_role("tabpanel").filter(visible=True)
    screen.get_by_role("button", name="Copy this call as Python code").click()
    page.evaluate("navigator.clipboard.writeText('')")
    screen.get_by_role("button", name="Copy", exact=True).click()
    code = page.wait_for_function("navigator.clipboard.readText()").json_value()
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr
    assert "succeeded" in done.stdout
    assert len((tmp_path / "predictions.csv").read_text().splitlines()) == 7


def test_picture_that_is_too_large_for_one_answer_is_refused_in_a_sentence(open_screen, app, tmp_path):
    path = tmp_path / "large.png"
    pixels = np.random.default_rng(0).integers(0, 256, (2700, 2700, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, compress_level=0)
    assert path.stat().st_size > 20 * 1024**2
    page = open_screen(app.url)
    page.get_by_role("tab", name="Images").click()
    page.locator("#air-picture input[type=file]").set_input_files(path)
    expect(page.locator("#air-image-answer")).to_contain_text("more than 20 MB", timeout=WAIT_MS)


@pytest.mark.parametrize(("scheme", "model"), [("light", TABLE), ("dark", TABLE), ("dark", IMAGES)])
def test_screen_is_accessible_and_fits_a_phone(open_screen, app, two_bad_lines, scheme, model):
    page = open_screen(app.url, viewport=PHONE, color_scheme=scheme)
    _choose(page, model, "The test set")
    button(page, "Predict the test set").click()
    expect(page.locator("#air-batch-job h2")).to_have_text(f"{model.split(':')[0]}, the test set")
    _state(page, re.compile("^Done"))
    page.locator(".air-rows tbody tr").first.wait_for()
    _choose(page, "My own files")
    if model == TABLE:
        _give(page, "table", two_bad_lines)
        page.locator(".air-problems").wait_for()
    assert violations(page) == []
    assert_fits(page)


def test_page_deletes_nothing_outside_its_own_uploads(tmp_path):
    precious = tmp_path / "precious.csv"
    precious.write_text("kept")
    for path in (str(precious), f"{get_upload_folder()}/../{precious.relative_to('/')}"):
        with pytest.raises(ApiError):
            uploads.discard([{"path": path}])
    assert precious.read_text() == "kept"


def test_file_on_its_way_is_read_whole_and_again(tmp_path):
    path = tmp_path / "large.bin"
    path.write_bytes(bytes(range(256)) * 1000)
    late = uploads.LateFile(path)
    assert late.seek(0, io.SEEK_END) == path.stat().st_size
    for _ in range(2):
        late.seek(0)
        assert b"".join(iter(lambda: late.read(10_000), b"")) == path.read_bytes()
