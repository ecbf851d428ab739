"""The Images screen in real Chromium: what a person sees and can do."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from settings import ROOT
from tests.helpers.clients.screens import IMAGE_ANSWER, ask, copied_code, give_picture, run
from ui.kit.words import percent

SHIP = ROOT / "docs" / "example.png"
VERDICT = f"{IMAGE_ANSWER} .air-verdict"


def test_uploaded_picture_gets_the_answer_of_the_api_and_copied_code_the_same(
    images: Page, http: httpx.Client, picture: Path, tmp_path: Path
) -> None:
    truth = ask(http, picture.read_bytes())
    prediction = truth["predictions"][0]
    give_picture(images, "air-images-picture", picture)
    answer = images.locator(IMAGE_ANSWER)
    expect(answer.locator(".air-verdict strong")).to_have_text(prediction["label"])
    expect(answer.locator(".air-verdict span")).to_have_text(percent(prediction["probability"]))
    expect(answer.locator(".air-bars .air-name")).to_have_text([choice["label"] for choice in prediction["top_k"]])
    expect(answer.locator(".air-bars .air-value")).to_have_text(
        [percent(choice["probability"]) for choice in prediction["top_k"]]
    )
    expect(answer).to_contain_text(f"version {truth['model']['version']}")
    expect(answer).to_contain_text(re.compile(r"answered in \d+\.\d ms"))
    assert run(copied_code(images), tmp_path)[0] == prediction["label"]


def test_original_and_seen_picture_stand_side_by_side(images: Page, http: httpx.Client, tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    Image.radial_gradient("L").resize((300, 200)).convert("RGB").save(photo)
    seen = ask(http, photo.read_bytes())["predictions"][0]["seen"]
    give_picture(images, "air-images-picture", photo)
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


def test_examples_are_those_of_the_api_and_a_click_asks_one(images: Page, http: httpx.Client, tmp_path: Path) -> None:
    gallery, buttons = images.locator(".air-gallery"), images.locator(".air-gallery button")
    shown = [_example_bytes(images, number) for number in range(12)]
    truth = buttons.nth(3).inner_text()
    label = ask(http, shown[3])["predictions"][0]["label"]
    buttons.nth(3).click()
    word = "Right" if label == truth else "Wrong"
    expect(images.locator(f"{VERDICT} strong")).to_have_text(label)
    expect(images.locator(IMAGE_ANSWER)).to_contain_text(f"{word}: the true label of this example is {truth}.")
    code = copied_code(images)
    seed = re.search(r'"seed": (\d+)', code)[1]
    examples = http.get("/models/cifar10/examples", params={"n": 12, "seed": seed}).json()["examples"]
    expect(buttons).to_have_text([item["label"] for item in examples])
    assert shown == [base64.b64decode(item["image"]) for item in examples]
    assert run(code, tmp_path)[0] == label
    assert gallery.get_attribute("data-seed") == seed
    images.get_by_role("button", name="Other examples").click()
    expect(gallery).not_to_have_attribute("data-seed", seed)
    assert [_example_bytes(images, number) for number in range(12)] != shown


def test_second_of_two_quick_clicks_is_answered(images: Page, http: httpx.Client) -> None:
    buttons, held = images.locator(".air-gallery button"), []
    images.route("**/queue/data**", lambda route: held.append(route))
    for number in (0, 5):
        with images.expect_response("**/queue/join**"):
            buttons.nth(number).click()
    images.unroute("**/queue/data**")  # lets those held go on
    label = ask(http, _example_bytes(images, 5))["predictions"][0]["label"]
    expect(images.locator(f"{VERDICT} strong")).to_have_text(label)
    truth = buttons.nth(5).inner_text()
    expect(images.locator(IMAGE_ANSWER)).to_contain_text(f"the true label of this example is {truth}.")


def _example_bytes(page: Page, number: int) -> bytes:
    source = page.locator(".air-gallery img").nth(number).get_attribute("src")
    return base64.b64decode(source.removeprefix("data:image/png;base64,"))


@pytest.mark.parametrize("way", ["chosen", "dropped"])
def test_picture_whose_name_says_no_kind_is_answered(images: Page, tmp_path: Path, way: str) -> None:
    picture = tmp_path / "ship"
    picture.write_bytes(SHIP.read_bytes())
    if way == "chosen":
        give_picture(images, "air-images-picture", picture)
    else:
        transfer = images.evaluate_handle(
            """data => {
                const given = new DataTransfer();
                given.items.add(new File([Uint8Array.from(atob(data), letter => letter.charCodeAt(0))], 'ship'));
                return given;
            }""",
            base64.b64encode(SHIP.read_bytes()).decode(),
        )
        images.locator("#air-images-picture [aria-label*='rop']").first.dispatch_event(
            "drop", {"dataTransfer": transfer}
        )
    expect(images.locator(f"{VERDICT} strong")).to_have_text("ship")


def test_only_an_unsure_answer_is_marked(images: Page, http: httpx.Client, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 64, 64, 3), dtype=np.uint8)
    doubted = [data for data in map(_png, pixels) if ask(http, data)["predictions"][0]["unsure"]]
    assert doubted, "the model is sure about every picture of noise"
    (tmp_path / "noise.png").write_bytes(doubted[0])
    give_picture(images, "air-images-picture", tmp_path / "noise.png")
    marked = images.get_by_text("The model is not sure.")
    expect(marked).to_be_visible()
    _take_away(images)
    assert not ask(http, SHIP.read_bytes())["predictions"][0]["unsure"]
    give_picture(images, "air-images-picture", SHIP)
    images.locator(VERDICT).wait_for()
    expect(marked).to_have_count(0)


def _png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def _take_away(page: Page) -> None:
    page.get_by_label("Remove Image").click()
    expect(page.locator(VERDICT)).to_have_count(0)


def test_refused_file_gets_the_servers_sentence_and_no_old_answer(
    images: Page, http: httpx.Client, picture: Path, tmp_path: Path
) -> None:
    give_picture(images, "air-images-picture", picture)
    images.locator(VERDICT).wait_for()
    _take_away(images)
    fake = tmp_path / "notes.png"
    fake.write_text("These are notes and no picture.")
    refused = http.post("/cifar10/predict", files={"file": (fake.name, fake.read_bytes())})
    assert 400 <= refused.status_code < 500
    give_picture(images, "air-images-picture", fake)
    expect(images.locator(f"{IMAGE_ANSWER} .air-problem")).to_have_text(refused.json()["error"]["message"])
    expect(images.locator(VERDICT)).to_have_count(0)
    large = tmp_path / "large.png"
    pixels = np.random.default_rng(0).integers(0, 256, (2700, 2700, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(large, compress_level=0)
    assert large.stat().st_size > 20 * 1024**2
    give_picture(images, "air-images-picture", large)
    expect(images.locator(IMAGE_ANSWER)).to_contain_text("more than 20 MB")
