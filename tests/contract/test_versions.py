"""Versions apart from promotion: differences between them, and discarding one."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from models.registry import Registry
from settings import ROOT
from tests.helpers.in_process.studio import Studio
from tests.helpers.models import IMAGES
from tests.helpers.samples import versions

PICTURE = (ROOT / "docs" / "example.png").read_bytes()


def test_discarded_version_is_gone_and_what_is_needed_is_kept(
    public: Studio, anyone: httpx.Client, admin: httpx.Client
) -> None:
    url = "/models/cifar10"
    version = versions.add_shifted(public.home, "to-discard")
    folder = public.home / "checkpoints" / "cifar10" / "to-discard"
    listed = anyone.get(url).json()["versions"]
    assert listed[0]["version"] == version
    assert anyone.post(f"{url}/versions/{version}/discard").status_code == 401
    left = admin.post(f"{url}/versions/{version}/discard")
    assert left.status_code == 200, left.text
    assert [item["version"] for item in left.json()["versions"]] == [item["version"] for item in listed[1:]]
    assert not folder.exists()
    assert admin.post(f"{url}/versions/{version}/discard").status_code == 404
    assert admin.post(f"{url}/promote", json={"version": version}).status_code == 404
    assert anyone.post(f"/cifar10/predict?version={version}", content=PICTURE).status_code >= 400
    for alias in ("champion", "previous"):
        named = next((item["version"] for item in listed if alias in item["aliases"]), None)
        if named is not None:
            reply = admin.post(f"{url}/versions/{named}/discard")
            assert reply.status_code == 409, reply.text
    assert int(versions.add_shifted(public.home, "after")) > int(version), "a number was given twice"


def test_version_whose_folder_is_not_ours_is_not_discarded(public: Studio, admin: httpx.Client, tmp_path: Path) -> None:
    """Anyone who can write to an MLflow server can register any folder."""
    (tmp_path / "letter").touch()
    client = Registry(public.settings).client
    version = client.create_model_version("cifar10", source=f"folder://{tmp_path}").version
    reply = admin.post(f"/models/cifar10/versions/{version}/discard")
    client.delete_model_version("cifar10", version)
    assert reply.status_code == 409
    assert "outside AIR_STORAGE" in reply.json()["error"]["message"]
    assert (tmp_path / "letter").exists()


def test_differences_are_counted_and_shown_with_their_pictures(anyone: httpx.Client) -> None:
    """Version 2 answers the next class for each picture, so every answer differs."""
    url = "/models/cifar10/versions"
    found = anyone.get(f"{url}/2/differences?against=1&n=10").json()
    back = anyone.get(f"{url}/1/differences?against=2&n=10").json()
    assert (found["version"], found["against"], found["rows"], found["differing"]) == ("2", "1", 40, 40)
    assert (found["better"], found["worse"]) == (back["worse"], back["better"])
    assert len(found["examples"]) == 10
    labels = anyone.get("/models/cifar10").json()["labels"]
    for example in found["examples"]:
        ours, theirs = example["answers"]["version"]["label"], example["answers"]["against"]["label"]
        assert labels.index(ours) == (labels.index(theirs) + 1) % 10
        assert example["image"].startswith("iVBOR")
    right = [
        example["label"] in {answer["label"] for answer in example["answers"].values()} for example in found["examples"]
    ]
    assert right == sorted(right, reverse=True), "those that one has right come first"
    same = anyone.get(f"{url}/1/differences?against=1").json()
    assert (same["differing"], same["examples"]) == (0, [])
    assert anyone.get(f"{url}/99/differences").status_code == 404


def test_answers_that_are_kept_start_nothing(public: Studio, anyone: httpx.Client) -> None:
    url = "/models/breast-cancer/versions/1/differences?against=1"
    first, runs = anyone.get(url).json(), public.aside.runs
    assert anyone.get(url).json() == first
    assert public.aside.runs == runs


def test_many_who_ask_for_new_answers_start_one_process_at_a_time(public: Studio, anyone: httpx.Client) -> None:
    for kept in (public.home / "cache").glob("validation-*.npy"):
        kept.unlink()
    runs = public.aside.runs
    with ThreadPoolExecutor(20) as pool:
        replies = list(pool.map(anyone.get, ["/models/breast-cancer/versions/1/differences?against=1"] * 20))
    assert [reply.status_code for reply in replies] == [200] * 20
    assert (public.aside.runs - runs, public.aside.most) == (1, 1)


def test_rows_of_one_version_do_not_differ_from_themselves(anyone: httpx.Client) -> None:
    found = anyone.get("/models/breast-cancer/versions/1/differences?against=1").json()
    assert (found["rows"], found["differing"]) == (115, 0)


def test_comparison_asks_the_version_that_is_named(anyone: httpx.Client) -> None:
    url = "/cifar10/compare"
    headers = {"Content-Type": "image/png"}
    for version in ("1", "2"):
        reply = anyone.post(f"{url}?version={version}", content=PICTURE, headers=headers).json()
        assert reply["challenger"]["model"]["version"] == version
    assert anyone.post(f"{url}?version=99", content=PICTURE, headers=headers).status_code == 404


def test_training_that_has_to_download_its_data_says_so_before(studio: Studio, tmp_path: Path) -> None:
    def needs(studio: Studio, model: str) -> set[str]:
        presets = studio.client().get(f"/models/{model}/presets").json()["presets"]
        return {preset["needs"] for preset in presets if preset["preset"] != "keras"}  # which needs TensorFlow

    assert needs(studio, "cifar10") == needs(studio, "breast-cancer") == {""}
    with Studio(tmp_path / "home", cifar10_dir=None) as bare:
        (sentence,) = needs(bare, "cifar10")
        assert sentence.startswith("CIFAR-10 is not on this server: a training downloads it first (170 MB)")
        examples = bare.client().get("/models/cifar10/examples", params={"n": 40}).json()
        assert Counter(example["label"] for example in examples["examples"]) == dict.fromkeys(IMAGES.data.labels, 4)
        assert examples["source"] == IMAGES.data.examples_source
        found = bare.client().get("/models/cifar10/versions/1/differences", params={"against": "1"}).json()
        assert (found["rows"], found["differing"]) == (40, 0)
