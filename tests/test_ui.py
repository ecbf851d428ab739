"""The two screens in real Chromium, against the running app: what a person sees and can do.

`app_url` and `browser` come from conftest.py. Every page of these tests also fails when the
browser's console reports an error or when the page asks another host for anything.
With AIR_SCREENSHOTS=1 the pictures of the README are written to docs/screenshots/.
"""

from __future__ import annotations

import base64
import io
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Page, expect

from ui.cards import percent
from ui.pushes import signed

ROOT = Path(__file__).resolve().parent.parent
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
IMAGE_ANSWER, TABLE_ANSWER = "#air-image-answer", "#air-table-answer"
WAIT_MS = 40_000
expect.set_options(timeout=WAIT_MS)


@pytest.fixture(scope="module")
def http(app_url):
    with httpx.Client(base_url=f"{app_url}/api", timeout=60, trust_env=False) as client:
        yield client


@pytest.fixture
def open_page(browser):
    """Opens pages and, at the end, tells of console errors and of requests to other hosts."""
    contexts, complaints = [], []

    def open_(url: str, *, viewport: dict = DESKTOP, scheme: str = "light") -> Page:
        context = browser.new_context(
            viewport=viewport, color_scheme=scheme, permissions=["clipboard-read", "clipboard-write"]
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(WAIT_MS)
        page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: _foreign(request.url, url, complaints))
        page.goto(url)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def images(open_page, app_url):
    page = open_page(app_url)
    page.locator(".air-gallery button").first.wait_for()
    return page


@pytest.fixture
def table(open_page, app_url):
    return _to_table(open_page(app_url))


@pytest.fixture
def example(http):
    return http.get("/models/cifar10/examples", params={"n": 1}).json()["examples"][0]


@pytest.fixture
def picture(example, tmp_path):
    path = tmp_path / 'Émile\'s "cat" {0} 😀.png'
    path.write_bytes(base64.b64decode(example["image"]))
    return path


@pytest.fixture
def medians(http):
    return {item["name"]: item["median"] for item in http.get("/models/breast-cancer/features").json()["features"]}


def _foreign(requested: str, url: str, complaints: list[str]) -> None:
    parts = urlsplit(requested)
    if parts.scheme in ("http", "https", "ws", "wss") and parts.netloc != urlsplit(url).netloc:
        complaints.append(f"request to another host: {requested}")


def _to_table(page: Page) -> Page:
    page.get_by_role("tab", name="Table").click()
    page.get_by_label("mean radius").wait_for()
    page.locator(f"{TABLE_ANSWER} .air-verdict").wait_for()
    return page


def _upload(page: Page, path: Path) -> None:
    page.locator("#air-picture input[type=file]").set_input_files(path)


def _ask(http, data: bytes) -> dict:
    reply = http.post("/cifar10/predict", params={"top_k": 5, "view": "true"}, files={"file": ("picture", data)})
    assert reply.status_code == 200, reply.text
    return reply.json()


def _ask_row(http, row: dict[str, float]) -> dict:
    reply = http.post("/breast-cancer/predict", params={"explain": "true"}, json=row)
    assert reply.status_code == 200, reply.text
    return reply.json()


def _copied_code(page: Page) -> str:
    screen = page.get_by_role("tabpanel").filter(visible=True)
    screen.get_by_role("button", name="Copy this call as Python code").click()
    page.evaluate("navigator.clipboard.writeText('')")
    screen.get_by_role("button", name="Copy", exact=True).click()
    return page.wait_for_function("navigator.clipboard.readText()").json_value()


def _run(code: str, folder: Path) -> list[str]:
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def _set_threshold(page: Page, value: float) -> None:
    page.get_by_label("number input for Threshold").fill(str(value))


# Images


def test_uploaded_picture_gets_the_answer_of_the_api(images, http, picture):
    truth = _ask(http, picture.read_bytes())
    prediction = truth["predictions"][0]
    _upload(images, picture)
    answer = images.locator(IMAGE_ANSWER)
    expect(answer.locator(".air-verdict strong")).to_have_text(prediction["label"])
    expect(answer.locator(".air-verdict span")).to_have_text(percent(prediction["probability"]))
    expect(answer.locator(".air-bars .air-name")).to_have_text([choice["label"] for choice in prediction["top_k"]])
    expect(answer.locator(".air-bars .air-value")).to_have_text(
        [percent(choice["probability"]) for choice in prediction["top_k"]]
    )
    expect(answer).to_contain_text(f"version {truth['model']['version']}")
    expect(answer).to_contain_text(re.compile(r"answered in \d+\.\d ms"))


def test_original_and_seen_picture_stand_side_by_side(images, http, tmp_path):
    photo = tmp_path / "photo.jpg"
    Image.radial_gradient("L").resize((300, 200)).convert("RGB").save(photo)
    seen = _ask(http, photo.read_bytes())["predictions"][0]["seen"]
    _upload(images, photo)
    original = images.get_by_alt_text("The picture you gave")
    expect(original).to_be_visible()
    images.wait_for_function("picture => picture.naturalWidth === 300", arg=original.element_handle())
    shown = images.get_by_alt_text("The picture as the model sees it")
    assert shown.get_attribute("src") == f"data:image/png;base64,{seen}"
    assert shown.evaluate("picture => [picture.naturalWidth, getComputedStyle(picture).imageRendering]") == [
        32,
        "pixelated",
    ]
    left, right = original.bounding_box(), shown.bounding_box()
    assert abs(left["y"] - right["y"]) < 2
    assert left["x"] + left["width"] <= right["x"]


def test_click_on_an_example_says_whether_the_answer_is_right(images, http):
    button = images.locator(".air-gallery button").nth(3)
    truth = button.inner_text()
    label = _ask(http, _example_bytes(images, 3))["predictions"][0]["label"]
    button.click()
    word = "Right" if label == truth else "Wrong"
    expect(images.locator(f"{IMAGE_ANSWER} .air-verdict strong")).to_have_text(label)
    expect(images.locator(IMAGE_ANSWER)).to_contain_text(f"{word}: the true label of this example is {truth}.")


def test_gallery_shows_examples_of_the_api_with_their_true_labels(images, http):
    buttons = images.locator(".air-gallery button")
    buttons.first.click()
    images.locator(f"{IMAGE_ANSWER} .air-verdict").wait_for()
    seed = re.search(r'"seed": (\d+)', _copied_code(images))[1]
    examples = http.get("/models/cifar10/examples", params={"n": 12, "seed": seed}).json()["examples"]
    expect(buttons).to_have_text([item["label"] for item in examples])
    assert [_example_bytes(images, number) for number in range(12)] == [
        base64.b64decode(item["image"]) for item in examples
    ]


def test_other_examples_can_be_asked_for(images):
    gallery = images.locator(".air-gallery")
    before = [_example_bytes(images, number) for number in range(12)]
    seed = gallery.get_attribute("data-seed")
    images.get_by_role("button", name="Other examples").click()
    expect(gallery).not_to_have_attribute("data-seed", seed)
    assert [_example_bytes(images, number) for number in range(12)] != before


def _example_bytes(page: Page, number: int) -> bytes:
    source = page.locator(".air-gallery img").nth(number).get_attribute("src")
    return base64.b64decode(source.removeprefix("data:image/png;base64,"))


def test_unsure_answer_is_marked(images, http, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (8, 64, 64, 3), dtype=np.uint8)
    doubted = [data for data in map(_png, pixels) if _ask(http, data)["predictions"][0]["unsure"]]
    assert doubted, "the model is sure about every picture of noise"
    (tmp_path / "noise.png").write_bytes(doubted[0])
    _upload(images, tmp_path / "noise.png")
    expect(images.get_by_text("The model is not sure.")).to_be_visible()


def test_sure_answer_is_not_marked(real_cifar10, images, http, tmp_path):
    pictures = [_example_bytes(images, number) for number in range(12)]
    sure = next(data for data in pictures if not _ask(http, data)["predictions"][0]["unsure"])
    (tmp_path / "sure.png").write_bytes(sure)
    _upload(images, tmp_path / "sure.png")
    images.locator(f"{IMAGE_ANSWER} .air-verdict").wait_for()
    expect(images.get_by_text("The model is not sure.")).to_have_count(0)


def _png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def test_text_named_png_gets_the_servers_sentence_and_no_old_answer(images, http, picture, tmp_path):
    _upload(images, picture)
    images.locator(f"{IMAGE_ANSWER} .air-verdict").wait_for()
    images.get_by_label("Remove Image").click()
    expect(images.locator(f"{IMAGE_ANSWER} .air-verdict")).to_have_count(0)
    fake = tmp_path / "notes.png"
    fake.write_text("These are notes and no picture.")
    refused = http.post("/cifar10/predict", files={"file": (fake.name, fake.read_bytes())})
    assert 400 <= refused.status_code < 500
    _upload(images, fake)
    expect(images.locator(f"{IMAGE_ANSWER} .air-problem")).to_have_text(refused.json()["error"]["message"])
    expect(images.locator(f"{IMAGE_ANSWER} .air-verdict")).to_have_count(0)


def test_copied_code_runs_and_gives_the_same_label(images, http, picture, tmp_path):
    label = _ask(http, picture.read_bytes())["predictions"][0]["label"]
    _upload(images, picture)
    images.locator(f"{IMAGE_ANSWER} .air-verdict").wait_for()
    code = _copied_code(images)
    assert _run(code, tmp_path)[0] == label


def test_copied_code_of_an_example_runs(images, tmp_path):
    images.locator(".air-gallery button").nth(5).click()
    verdict = images.locator(f"{IMAGE_ANSWER} .air-verdict strong")
    verdict.wait_for()
    assert _run(_copied_code(images), tmp_path)[0] == verdict.text_content()


# Table


def test_form_starts_with_medians_and_the_answer_to_them(table, http, medians):
    assert float(table.get_by_label("mean radius (µm)").input_value()) == pytest.approx(medians["mean radius"])
    prediction = _ask_row(http, medians)["predictions"][0]
    expect(table.locator(f"{TABLE_ANSWER} .air-verdict")).to_have_text(prediction["label"])
    expect(table.locator(TABLE_ANSWER)).to_contain_text(percent(prediction["probability_malignant"]))
    expect(table.get_by_text("A demonstration, not medical advice.")).to_be_visible()
    expect(table.get_by_label("worst radius")).not_to_be_visible()


def test_filled_form_gets_the_answer_of_the_api(table, http, medians):
    changes = {"mean radius": 21.5, "mean area": 1450.0, "mean concave points": 0.15, "worst area": 2100.0}
    table.get_by_role("button", name="Worst values").click()
    for name, value in changes.items():
        table.get_by_label(name).fill(str(value))
    truth = _ask_row(http, medians | changes)
    prediction = truth["predictions"][0]
    before = _ask_row(http, medians)["predictions"][0]
    assert percent(prediction["probability_malignant"]) != percent(before["probability_malignant"])
    answer = table.locator(TABLE_ANSWER)
    expect(answer).to_contain_text(f"malignant: {percent(prediction['probability_malignant'])}")
    expect(answer.locator(".air-verdict")).to_have_text(prediction["label"])
    expect(answer).to_contain_text(f"version {truth['model']['version']}")


def test_pushes_are_the_contributions_and_add_up(table, http, medians):
    contributions = _ask_row(http, medians)["predictions"][0]["contributions"]
    strongest = sorted((name for name in contributions if name != "bias"), key=lambda name: -abs(contributions[name]))
    pushes = table.locator("#air-pushes")
    values = pushes.locator(".air-value")
    for number, name in enumerate(strongest[:8]):
        expect(pushes.locator(".air-name").nth(number)).to_have_text(f"{name} = {medians[name]:g}")
        side = "malignant" if contributions[name] > 0 else "benign"
        expect(values.nth(number)).to_have_text(f"{signed(contributions[name])} pushes toward {side}")
    rest = sum(contributions[name] for name in strongest[8:])
    expect(values.nth(8)).to_contain_text(signed(rest))
    expect(values.nth(9)).to_contain_text(signed(contributions["bias"]))
    expect(pushes).to_contain_text(f"add up to {signed(sum(contributions.values()))}, the logit")


def test_value_outside_the_training_range_is_marked_at_its_field(table, http):
    features = http.get("/models/breast-cancer/features").json()["features"]
    feature = next(item for item in features if item["name"] == "mean texture")
    field = table.locator(".air-field").filter(has=table.get_by_label("mean texture"))
    expect(field).to_contain_text(f"{feature['min']:g} – {feature['max']:g}")
    expect(field).not_to_contain_text("training range")
    table.get_by_label("mean texture").fill(str(feature["max"] + 5))
    expect(field).to_contain_text(f"Above the training range {feature['min']:g} – {feature['max']:g}")
    expect(table.locator(TABLE_ANSWER)).to_contain_text("mean texture lies outside the range of the training rows")
    table.get_by_label("mean texture").fill(str(feature["median"]))
    expect(field).not_to_contain_text("training range")
    expect(table.locator(TABLE_ANSWER)).not_to_contain_text("outside the range")


def test_empty_field_is_named_and_leaves_no_old_answer(table):
    table.get_by_label("mean area").fill("")
    expect(table.locator(TABLE_ANSWER)).to_contain_text("“mean area (µm²)” is empty. Type a number to get an answer.")
    expect(table.locator(f"{TABLE_ANSWER} .air-verdict")).to_have_count(0)
    expect(table.locator("#air-pushes")).to_have_text("")
    table.get_by_label("mean area").fill("600")
    expect(table.locator(f"{TABLE_ANSWER} .air-verdict")).to_have_count(1)


@pytest.mark.parametrize("threshold", [0.02, 0.97])
def test_threshold_moves_false_alarms_misses_and_the_decision(table, http, medians, threshold):
    answer = _ask_row(http, medians)
    probability = answer["predictions"][0]["probability_malignant"]
    url = f"/models/breast-cancer/versions/{answer['model']['version']}/evaluation"
    steps = {step["threshold"]: step for step in http.get(url).json()["thresholds"]}
    assert steps[threshold] | {"threshold": 0} != steps[0.5] | {"threshold": 0}, "this threshold would show nothing"
    counts = table.locator("#air-figures dt + dd")
    expect(counts).to_have_text([str(steps[0.5]["false_alarms"]), str(steps[0.5]["misses"])])
    _set_threshold(table, threshold)
    expect(counts).to_have_text([str(steps[threshold]["false_alarms"]), str(steps[threshold]["misses"])])
    decision = "malignant" if probability >= threshold else "benign"
    expect(table.locator(f"{TABLE_ANSWER} .air-verdict")).to_have_text(decision)
    expect(table.locator(TABLE_ANSWER)).to_contain_text(f"the threshold of {100 * threshold:.0f} %")


def test_real_row_shows_its_true_label_until_it_is_changed(table, http):
    rows = [
        row
        for seed in range(20)
        for row in http.get("/models/breast-cancer/examples", params={"n": 60, "seed": seed}).json()["examples"]
    ]
    truth = table.locator(TABLE_ANSWER).get_by_text("the true label of this real row is")
    table.get_by_role("button", name="Load a real row").click()
    truth.wait_for()
    shown = float(table.get_by_label("mean area").input_value())
    loaded = next(row for row in rows if row["row"]["mean area"] == pytest.approx(shown))
    label = _ask_row(http, loaded["row"])["predictions"][0]["label"]
    expect(table.locator(f"{TABLE_ANSWER} .air-verdict")).to_have_text(label)
    expect(truth).to_have_text(
        f"{'Right' if label == loaded['label'] else 'Wrong'}: the true label of this real row is {loaded['label']}."
    )
    table.get_by_label("mean area").fill(str(shown + 1))
    expect(truth).to_have_count(0)


def test_copied_code_of_a_row_runs_and_gives_the_same_answer(table, http, medians, tmp_path):
    table.get_by_label("mean radius").fill("20.25")
    prediction = _ask_row(http, medians | {"mean radius": 20.25})["predictions"][0]
    expect(table.locator(TABLE_ANSWER)).to_contain_text(percent(prediction["probability_malignant"]))
    label, probability = _run(_copied_code(table), tmp_path)
    assert label == prediction["label"]
    assert float(probability) == pytest.approx(prediction["probability_malignant"], abs=1e-6)


# Both screens


def test_header_names_the_versions_that_are_served(images, http):
    for model in http.get("/models").json()["models"]:
        (version,) = {replica["version"] for replica in model["serving"]}
        title = {"cifar10": "Images", "breast-cancer": "Table"}[model["name"]]
        expect(images.locator("#air-status")).to_contain_text(f"{title}: version {version}, ready")


def test_keyboard_alone_is_enough(open_page, app_url):
    page = open_page(app_url)
    page.locator(".air-gallery button").first.wait_for()
    _tab_to(page, "button[data-example]")
    page.keyboard.press("Enter")
    page.locator(f"{IMAGE_ANSWER} .air-verdict").wait_for()
    page.reload()
    _tab_to(page, "[role=tab][aria-selected=false]")
    page.keyboard.press("Enter")
    page.locator(f"{TABLE_ANSWER} .air-verdict").wait_for()
    page.get_by_label("mean radius").wait_for()
    _tab_to(page, "input[aria-label^='mean radius']")
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("99")
    expect(page.locator(TABLE_ANSWER)).to_contain_text("mean radius lies outside")
    _tab_to(page, "input[type=range]")
    for _ in range(10):
        page.keyboard.press("ArrowLeft")
    expect(page.locator(TABLE_ANSWER)).to_contain_text("the threshold of 40 %")


def _tab_to(page: Page, selector: str, limit: int = 60) -> None:
    """Press Tab until the focus is on a matching element that is in sight."""
    for _ in range(limit):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none", f"the focus on {selector} cannot be seen"
            return
    pytest.fail(f"Tab does not lead to {selector}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_screens_are_accessible_and_in_the_right_colours(open_page, app_url, example, tmp_path, scheme):
    page = open_page(app_url, scheme=scheme)
    page.locator(".air-gallery button").first.click()
    page.locator(f"{IMAGE_ANSWER} .air-verdict").wait_for()
    page.get_by_role("button", name="Copy this call as Python code").filter(visible=True).click()
    page.locator(".air-code .cm-content").filter(visible=True).wait_for()
    brightness = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)")
    assert max(brightness) < 64 if scheme == "dark" else min(brightness) > 192
    assert _violations(page) == []
    _to_table(page)
    page.get_by_role("button", name="Worst values").click()
    page.get_by_label("mean texture").fill("90")
    page.locator(f"{TABLE_ANSWER} .air-warning").wait_for()
    assert _violations(page) == []
    page.get_by_label("mean texture").fill("")
    page.locator(f"{TABLE_ANSWER} .air-problem").wait_for()
    assert _violations(page) == []


def _violations(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [
        f"{item['id']}: {item['nodes'][0]['html'][:200]}" for item in found if item["impact"] in ("serious", "critical")
    ]


def test_page_has_a_language_and_headings_in_order(images):
    assert images.evaluate("document.documentElement.lang") == "en"
    assert images.title() == "AIR Studio"
    expect(images.get_by_text("Built with Gradio")).to_have_count(0)
    levels = images.evaluate(
        "[...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].filter(e => e.checkVisibility()).map(e => +e.tagName[1])"
    )
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(levels, levels[1:], strict=False))


def test_phone_does_not_scroll_sideways(open_page, app_url):
    page = open_page(app_url, viewport=PHONE)
    page.locator(".air-gallery button").first.click()
    page.locator(f"{IMAGE_ANSWER} .air-verdict").wait_for()
    page.get_by_role("button", name="Copy this call as Python code").filter(visible=True).click()
    page.locator(".air-code .cm-content").filter(visible=True).wait_for()
    _assert_fits(page)
    _to_table(page)
    page.get_by_role("button", name="Worst values").click()
    page.get_by_label("worst fractal dimension").wait_for()
    page.get_by_label("mean fractal dimension").fill("90")
    page.locator(f"{TABLE_ANSWER} .air-warning").wait_for()
    _assert_fits(page)


def _assert_fits(page: Page) -> None:
    """Nothing is wider than the window, and nothing is cut off by a container that hides what sticks out."""
    assert page.evaluate("document.documentElement.scrollWidth") == page.viewport_size["width"]
    outside = page.evaluate(
        """[...document.querySelectorAll('.gradio-container *')].filter(element => {
            const box = element.getBoundingClientRect();
            return box.width > 1 && box.height > 1 && (box.right > innerWidth + 1 || box.left < -1);
        }).map(element => element.outerHTML.slice(0, 120))"""
    )
    assert outside == []


def test_on_a_phone_the_answer_comes_into_sight(open_page, app_url):
    page = open_page(app_url, viewport=PHONE)
    page.locator(".air-gallery button").first.click()
    expect(page.locator(f"{IMAGE_ANSWER} .air-verdict")).to_be_in_viewport()
    _to_table(page)
    page.get_by_label("mean area").scroll_into_view_if_needed()
    expect(page.locator("#air-glance")).to_be_in_viewport()
    expect(page.locator("#air-glance")).to_contain_text("probability of malignant")


def test_screenshots(open_page, app_url, tmp_path):
    """Of a picture of the project's own: those of the data set are not ours to publish."""
    folder = ROOT / "docs" / "screenshots" if os.environ.get("AIR_SCREENSHOTS") == "1" else tmp_path
    folder.mkdir(parents=True, exist_ok=True)
    page = open_page(app_url)
    page.locator(".air-gallery button, #air-examples .air-quiet").first.wait_for()
    page.locator("#air-picture input[type=file]").set_input_files(ROOT / "docs" / "example.png")
    expect(page.locator(f"{IMAGE_ANSWER} .air-verdict strong")).to_have_text(re.compile("ship", re.IGNORECASE))
    page.evaluate("document.querySelectorAll('#air-examples, .air-screen button.sm').forEach(e => e.remove())")
    page.screenshot(path=folder / "images.png", full_page=True)
    _to_table(page)
    page.get_by_role("button", name="Load a real row").click()
    page.get_by_text("the true label of this real row is").wait_for()
    page.screenshot(path=folder / "table.png", full_page=True)
    for name in ("images.png", "table.png"):
        with Image.open(folder / name) as shot:
            assert shot.width == DESKTOP["width"]


# The user interface alone, in front of an API that comes and goes


class Gate(ThreadingHTTPServer):
    """Forwards to the real API, or answers in its stead: `replies` maps a part of a path to (status, body)."""

    daemon_threads = True

    def __init__(self, upstream: str, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Forward)
        self.upstream = upstream
        self.replies: dict[str, tuple[int, dict]] = {}


class _Forward(BaseHTTPRequestHandler):
    server: Gate

    def do_GET(self) -> None:
        self._answer(None)

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers["content-length"])))

    def _answer(self, body: bytes | None) -> None:
        own = next((reply for part, reply in self.server.replies.items() if part in self.path), None)
        if own is None:
            headers = {"content-type": self.headers.get("content-type", "application/json")}
            url = self.server.upstream + self.path
            reply = httpx.request(self.command, url, content=body, headers=headers, timeout=30, trust_env=False)
            status, content = reply.status_code, reply.content
        else:
            status, content = own[0], json.dumps(own[1]).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Quiet."""


def _refusal(message: str) -> dict:
    return {"error": {"code": "test", "message": message}, "request_id": "test"}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class LoneUi:
    """`python -m ui` in front of an API port where nothing listens at first."""

    def __init__(self, log: Path) -> None:
        self.api_port, port = _free_port(), _free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.log = log
        api = f"http://127.0.0.1:{self.api_port}/api"
        self.command = [sys.executable, "-m", "ui", "--api", api, "--port", str(port)]

    def start(self) -> None:
        with self.log.open("w") as out:
            self.process = subprocess.Popen(self.command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 60
        while not _answers(self.url):
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.1)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(timeout=20)


@pytest.fixture(scope="module")
def lone_ui(tmp_path_factory):
    ui = LoneUi(tmp_path_factory.mktemp("ui") / "log")
    ui.start()
    yield ui
    ui.kill()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.fixture
def gate(lone_ui, app_url):
    """Opens the gate when called."""
    gates = []

    def open_() -> Gate:
        gates.append(Gate(app_url, lone_ui.api_port))
        threading.Thread(target=gates[-1].serve_forever, daemon=True).start()
        return gates[-1]

    yield open_
    for opened in gates:
        opened.shutdown()
        opened.server_close()


def test_page_opened_before_the_api_says_so_and_comes_alive(open_page, lone_ui, gate, picture, http):
    page = open_page(lone_ui.url)
    expect(page.locator("#air-status")).to_contain_text("The service does not answer: it is starting, or it is down.")
    expect(page.get_by_text("The examples appear as soon as the image model is up.")).to_be_visible()
    _upload(page, picture)
    expect(page.locator(IMAGE_ANSWER)).to_contain_text("Your picture is kept, and this page tries again by itself.")
    gate()
    expect(page.locator(f"{IMAGE_ANSWER} .air-verdict strong")).to_have_text(
        _ask(http, picture.read_bytes())["predictions"][0]["label"]
    )
    page.locator(".air-gallery button").first.wait_for()
    expect(page.locator("#air-status")).to_contain_text("Images: version")
    _to_table(page)
    # A second visitor, whose page had a shorter history, gets a form of the same kind.
    _to_table(open_page(lone_ui.url))


def test_model_that_goes_down_is_named_and_its_return_noticed(open_page, lone_ui, gate):
    opened = gate()
    page = _to_table(open_page(lone_ui.url))
    down = _refusal("The model breast-cancer is starting.")
    opened.replies = {
        "/readyz": (503, {"ready": False, "models": {"cifar10": "ready", "breast-cancer": "starting"}}),
        "/breast-cancer/predict": (503, down),
    }
    page.get_by_label("mean area").fill("700")
    expect(page.locator(TABLE_ANSWER)).to_contain_text("The model breast-cancer is starting. This page tries again")
    expect(page.locator(f"{TABLE_ANSWER} .air-verdict")).to_have_count(0)
    expect(page.locator("#air-status")).to_contain_text("Table: starting")
    opened.replies = {}
    page.locator(f"{TABLE_ANSWER} .air-verdict").wait_for()
    expect(page.locator("#air-status")).to_contain_text(re.compile(r"Table: version \S+, ready"))


def test_without_example_pictures_there_is_a_sentence_and_no_gallery(open_page, lone_ui, gate):
    sentence = "There is no <b id='injected'>CIFAR-10</b> here; set CIFAR10_DIR."
    gate().replies = {"/models/cifar10/examples": (404, _refusal(sentence))}
    page = open_page(lone_ui.url)
    expect(page.get_by_text(sentence)).to_be_visible()
    expect(page.locator("#injected")).to_have_count(0)
    expect(page.locator(".air-gallery")).to_have_count(0)


def test_page_outlives_a_restart_of_its_server(browser, lone_ui, gate):
    gate()
    with browser.new_context() as context:
        page = context.new_page()
        page.set_default_timeout(WAIT_MS)
        page.goto(lone_ui.url)
        page.locator(".air-gallery button").first.wait_for()
        lone_ui.kill()
        banner = page.get_by_role("alert").filter(has_text="This page comes back by itself.")
        banner.wait_for()
        lone_ui.start()
        banner.wait_for(state="detached")
        _to_table(page)
