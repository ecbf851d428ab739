"""The Images screen in real Chromium, against the running app: what a person sees and can do.

`http`, `images` and `picture` come from conftest.py.
"""

from __future__ import annotations

import base64
import io
import re

import numpy as np
from PIL import Image
from playwright.sync_api import Page, expect

from tests.helpers.screens import IMAGE_ANSWER, ask, copied_code, give_picture, run
from ui.cards import percent


def test_uploaded_picture_gets_the_answer_of_the_api(images, http, picture):
    truth = ask(http, picture.read_bytes())
    prediction = truth["predictions"][0]
    give_picture(images, "air-picture", picture)
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
    seen = ask(http, photo.read_bytes())["predictions"][0]["seen"]
    give_picture(images, "air-picture", photo)
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
    label = ask(http, _example_bytes(images, 3))["predictions"][0]["label"]
    button.click()
    word = "Right" if label == truth else "Wrong"
    expect(images.locator(f"{IMAGE_ANSWER} .air-verdict strong")).to_have_text(label)
    expect(images.locator(IMAGE_ANSWER)).to_contain_text(f"{word}: the true label of this example is {truth}.")


def test_gallery_shows_examples_of_the_api_with_their_true_labels(images, http):
    buttons = images.locator(".air-gallery button")
    buttons.first.click()
    images.locator(f"{IMAGE_ANSWER} .air-verdict").wait_for()
    seed = re.search(r'"seed": (\d+)', copied_code(images))[1]
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
    doubted = [data for data in map(_png, pixels) if ask(http, data)["predictions"][0]["unsure"]]
    assert doubted, "the model is sure about every picture of noise"
    (tmp_path / "noise.png").write_bytes(doubted[0])
    give_picture(images, "air-picture", tmp_path / "noise.png")
    expect(images.get_by_text("The model is not sure.")).to_be_visible()


def test_sure_answer_is_not_marked(real_cifar10, images, http, tmp_path):
    pictures = [_example_bytes(images, number) for number in range(12)]
    sure = next(data for data in pictures if not ask(http, data)["predictions"][0]["unsure"])
    (tmp_path / "sure.png").write_bytes(sure)
    give_picture(images, "air-picture", tmp_path / "sure.png")
    images.locator(f"{IMAGE_ANSWER} .air-verdict").wait_for()
    expect(images.get_by_text("The model is not sure.")).to_have_count(0)


def _png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def test_text_named_png_gets_the_servers_sentence_and_no_old_answer(images, http, picture, tmp_path):
    give_picture(images, "air-picture", picture)
    images.locator(f"{IMAGE_ANSWER} .air-verdict").wait_for()
    images.get_by_label("Remove Image").click()
    expect(images.locator(f"{IMAGE_ANSWER} .air-verdict")).to_have_count(0)
    fake = tmp_path / "notes.png"
    fake.write_text("These are notes and no picture.")
    refused = http.post("/cifar10/predict", files={"file": (fake.name, fake.read_bytes())})
    assert 400 <= refused.status_code < 500
    give_picture(images, "air-picture", fake)
    expect(images.locator(f"{IMAGE_ANSWER} .air-problem")).to_have_text(refused.json()["error"]["message"])
    expect(images.locator(f"{IMAGE_ANSWER} .air-verdict")).to_have_count(0)


def test_copied_code_runs_and_gives_the_same_label(images, http, picture, tmp_path):
    label = ask(http, picture.read_bytes())["predictions"][0]["label"]
    give_picture(images, "air-picture", picture)
    images.locator(f"{IMAGE_ANSWER} .air-verdict").wait_for()
    code = copied_code(images)
    assert run(code, tmp_path)[0] == label


def test_copied_code_of_an_example_runs(images, tmp_path):
    images.locator(".air-gallery button").nth(5).click()
    verdict = images.locator(f"{IMAGE_ANSWER} .air-verdict strong")
    verdict.wait_for()
    assert run(copied_code(images), tmp_path)[0] == verdict.text_content()
