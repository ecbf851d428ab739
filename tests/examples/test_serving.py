"""The programs that serve: with requests, with state, from torchvision to a net, and as a page."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from tests.helpers.programs import output_of


def test_serve_requests_answers_refuses_and_ends(tmp_path: Path) -> None:
    assert output_of("serve_requests", tmp_path) == [
        "malignant: malignant with 0.999",
        "benign: malignant with 0.078",
        "malignant: malignant with 0.287",
        "one value of thirty: status 422, A row needs 'mean texture'.",
        "after the shutdown: nobody listens",
    ]


def test_online_service_learns_whichever_replica_is_taught(tmp_path: Path) -> None:
    assert output_of("online_service", tmp_path) == [
        "after 10 rows: 39 of 169 others right",
        "after 20 rows: 66 of 169 others right",
        "after 30 rows: 163 of 169 others right",
        "after 400 rows: 166 of 169 others right",
        "2 replicas taught 1 model",
    ]


def test_a_net_is_trained_and_served(tmp_path: Path, small_cifar10: Path) -> None:
    # The drawn pictures differ by colour alone, which any net learns.
    assert output_of("cifar10_torchvision", tmp_path, CIFAR10_DIR=str(small_cifar10)) == [
        "360 pictures learned, 100 of 100 others right",
        "asked for a horse, the net answers horse",
    ]


def test_gradio_page_answers_a_program(tmp_path: Path) -> None:
    page, answer = output_of("gradio_page", tmp_path)
    assert page.startswith("the page: http://127.0.0.1:")
    assert answer == "asked for a picture of a frog: frog 0.986, bird 0.003, cat 0.002"
    with Image.open(tmp_path / "gradio_page.png") as picture:
        assert picture.size == (32, 32)
