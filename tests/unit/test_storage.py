"""Checkpoint folders in object storage: complete or absent, checked before use, with clear errors."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests

from models import catalog
from models.artifact import checkpoint, storage
from models.artifact.checkpoint import CheckpointError
from models.artifact.storage import ForeignSource, StorageError
from models.registry import PRETRAINED, Registry, RegistryError
from settings import Settings
from tests.unit.conftest import BUCKET
from training.runs import command, ray_session

SOURCE = f"s3://{BUCKET}/air/breast-cancer/one"
WEIGHTS = "air/breast-cancer/one/layers.npz"


def _machine(folder: Path, place: str = f"s3://{BUCKET}/air") -> Settings:
    """Settings of a machine with its own disk."""
    return Settings(air_home=folder, air_storage=place)


def _publish(settings: Settings, source: str = SOURCE) -> None:
    with storage.writing(source, settings) as folder:
        for file in (PRETRAINED / "breast-cancer").iterdir():
            if file.name != checkpoint.MANIFEST:
                shutil.copyfile(file, folder / file.name)


def _names(bucket: Any) -> list[str]:
    """Every object; Arrow leaves empty ones in place of folders."""
    return sorted(item.key for item in bucket.objects.all() if not item.key.endswith("/"))


def test_another_machine_gets_the_same_files_and_the_same_answers(s3: Any, tmp_path: Path) -> None:
    _publish(_machine(tmp_path / "one"))
    other = _machine(tmp_path / "two")
    folder = storage.fetch(SOURCE, other)
    assert folder.is_relative_to(tmp_path / "two" / "cache")
    for file in (PRETRAINED / "breast-cancer").iterdir():
        if file.name != checkpoint.MANIFEST:
            assert (folder / file.name).read_bytes() == file.read_bytes()
    with np.load(folder / checkpoint.GOLDEN) as golden:
        assert np.abs(catalog.load(folder).predict(golden["inputs"]) - golden["outputs"]).max() < 1e-6
    assert storage.read_metadata(SOURCE) == checkpoint.read_metadata(folder)
    s3.objects.all().delete()
    assert storage.fetch(SOURCE, other) == folder  # from the cache, without asking


def test_manifest_is_written_last(s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written, write = [], storage._write

    def note(filesystem: Any, path: str, content: bytes) -> None:
        written.append(path.rpartition("/")[2])
        write(filesystem, path, content)

    monkeypatch.setattr(storage, "_write", note)
    _publish(_machine(tmp_path))
    assert sorted(written[:-1]) == ["evaluation.json", "golden.npz", "layers.npz", "metadata.json"]
    assert written[-1] == "manifest.json"


def test_half_written_folder_is_not_there(s3: Any, tmp_path: Path) -> None:
    _publish(_machine(tmp_path / "one"))
    s3.Object("air/breast-cancer/one/manifest.json").delete()
    assert not storage.exists(SOURCE)
    with pytest.raises(CheckpointError, match=r"s3://studio/air/breast-cancer/one: manifest.json is missing"):
        storage.fetch(SOURCE, _machine(tmp_path / "two"))
    assert not list((tmp_path / "two").rglob("layers.npz"))


def test_upload_that_breaks_off_leaves_nothing(s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = storage._write

    def break_off(filesystem: Any, path: str, content: bytes) -> None:
        if path.endswith("metadata.json"):
            raise OSError("the connection was reset")
        write(filesystem, path, content)

    monkeypatch.setattr(storage, "_write", break_off)
    with pytest.raises(StorageError, match=r"one cannot be used: the connection was reset"):
        _publish(_machine(tmp_path))
    assert _names(s3) == []
    assert not list(tmp_path.rglob("layers.npz"))


def test_damage_on_the_way_is_named_and_never_reaches_the_cache(s3: Any, tmp_path: Path) -> None:
    _publish(_machine(tmp_path / "one"))
    content = bytearray(s3.Object(WEIGHTS).get()["Body"].read())
    content[100] ^= 1
    s3.put_object(Key=WEIGHTS, Body=bytes(content))
    for _ in range(2):
        with pytest.raises(CheckpointError, match=r"layers.npz was changed after it was written"):
            storage.fetch(SOURCE, _machine(tmp_path / "two"))
    assert not list((tmp_path / "two").rglob("layers.npz"))


def test_published_folder_is_never_overwritten(s3: Any, tmp_path: Path) -> None:
    _publish(_machine(tmp_path / "one"))
    with pytest.raises(FileExistsError, match="never overwritten"):
        _publish(_machine(tmp_path / "two"))


def test_versions_carry_their_address_and_discarding_deletes_there(s3: Any, new_home: Callable[[str], Path]) -> None:
    settings = _machine(new_home("home"))
    registry = Registry(settings)
    assert registry.resolve("cifar10").source == "s3://studio/air/cifar10/pretrained"
    _publish(settings)
    version = registry.register(SOURCE)
    assert Registry(settings).resolve("breast-cancer", version).source == SOURCE
    copies = settings.air_home / "cache"
    assert list(copies.rglob("one"))
    registry.discard("breast-cancer", version)
    assert not any("breast-cancer/one" in name for name in _names(s3))
    assert not list(copies.rglob("one"))


def test_a_new_machine_takes_the_shipped_models_that_are_there(s3: Any, new_home: Callable[[str], Path]) -> None:
    Registry(_machine(new_home("one")))
    before = {item.key: item.last_modified for item in s3.objects.all()}
    other = Registry(_machine(new_home("two")))
    assert other.resolve("breast-cancer").source == "s3://studio/air/breast-cancer/pretrained"
    assert {item.key: item.last_modified for item in s3.objects.all() if item.key in before} == before


def test_folder_of_this_machine_may_be_named_as_storage(tmp_path: Path, new_home: Callable[[str], Path]) -> None:
    registry = Registry(_machine(new_home("home"), str(tmp_path / "shared")))
    assert Path(registry.resolve("cifar10").source) == tmp_path / "shared" / "cifar10" / "pretrained"


@pytest.mark.parametrize("place", ["s3://", "s3://bucket/a b", "S3://bucket", "s3://bucket//x"])
def test_address_that_is_none_is_refused(place: str) -> None:
    with pytest.raises(ValueError, match="a folder or an address like s3://bucket/prefix"):
        Settings(air_storage=place)


def test_storage_that_works_is_left_as_it_was(s3: Any, tmp_path: Path) -> None:
    storage.check(_machine(tmp_path))
    assert _names(s3) == []


def test_folder_that_cannot_be_written_is_told_before_anything_is_trained(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    place = tmp_path / "file" / "air"
    with pytest.raises(StorageError, match=rf"^AIR_STORAGE \({place}\) is not writable: Not a directory\.$"):
        storage.check(_machine(tmp_path, str(place)))


def test_bucket_that_is_not_there_is_named(s3: Any, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"^AIR_STORAGE: there is no bucket 'other'; create it or name"):
        storage.check(_machine(tmp_path, "s3://other/air"))


def test_refused_credentials_are_said_so(s3: Any, tmp_path: Path) -> None:
    requests.post(f"{os.environ['AWS_ENDPOINT_URL']}/moto-api/reset-auth", data=b"0", timeout=10).raise_for_status()
    try:
        with pytest.raises(StorageError, match=r"^AIR_STORAGE: s3://studio/air refuses the credentials; check AWS_"):
            storage.check(_machine(tmp_path))
    finally:
        requests.post(f"{os.environ['AWS_ENDPOINT_URL']}/moto-api/reset-auth", data=b"inf", timeout=10)


def test_missing_credentials_are_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    refusal = OSError("When initiating multiple part upload: AWS Error ACCESS_DENIED during CreateMultipartUpload")
    with (
        pytest.raises(StorageError, match=r"^AIR_STORAGE: s3://studio requires credentials and none were found; set"),
        storage.storage_errors("s3://studio"),
    ):
        raise refusal


def test_training_says_what_is_wrong_before_it_trains(
    s3: Any,
    tmp_path: Path,
    set_environment: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def connect(*_: object) -> None:
        raise AssertionError("it was about to train")

    monkeypatch.setattr(ray_session, "connect", connect)
    set_environment(AIR_STORAGE="s3://nowhere/air", AIR_HOME=str(tmp_path))
    assert command.run("breast-cancer", []) == 2
    [line] = capfd.readouterr().err.strip().splitlines()
    assert line.startswith("error: AIR_STORAGE: there is no bucket 'nowhere'")


def test_server_that_is_no_mlflow_is_said_so(s3: Any, tmp_path: Path) -> None:
    url = os.environ["AWS_ENDPOINT_URL"]
    with pytest.raises(RegistryError, match="answers with status 404; it is not an MLflow server."):
        Registry(Settings(air_home=tmp_path, mlflow_tracking_uri=url))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("s3://KEY:SECRET@bucket/a.csv", "s3://bucket/a.csv"),
        ("s3://KEY:SEC/RET@bucket/a.csv cannot be read", "s3://bucket/a.csv cannot be read"),
        ("s3://anonymous@bucket/a.csv", "s3://bucket/a.csv"),
        ("s3://bucket/a.csv?X-Amz-Signature=SECRET", "s3://bucket/a.csv"),
        ("s3://bucket/a.csv#SECRET", "s3://bucket/a.csv"),
        ("no server answers at http://user:SECRET@mlflow:5000.", "no server answers at http://mlflow:5000."),
        (
            "'abfs://c@account/d' and 'postgresql+psycopg://u:S%40CRET@db/x'",
            "'abfs://account/d' and 'postgresql+psycopg://db/x'",
        ),
        ("KEY:SECRET@bucket/a.csv: no such key", "bucket/a.csv: no such key"),
        ("s3://bucket/a.csv, at 12:30, of a@b.example", "s3://bucket/a.csv, at 12:30, of a@b.example"),
        ("http://localhost:7860/api", "http://localhost:7860/api"),
    ],
)
def test_addresses_are_shown_without_logins_and_signatures(text: str, shown: str) -> None:
    assert storage.without_secrets(text) == shown
    assert storage.without_secrets({"a": [text, 1, None]}) == {"a": [shown, 1, None]}


def test_server_that_does_not_answer_is_named_without_its_login(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match=r"answers at http://127.0.0.1:1\.$"):
        Registry(Settings(air_home=tmp_path, mlflow_tracking_uri="http://user:SECRET@127.0.0.1:1"))


@pytest.mark.parametrize(
    "source",
    [
        "{home}",
        "{home}/checkpoints",
        "{home}/checkpoints/cifar10",
        "{home}/checkpoints/../other/one",
        "{home}/other/one",
    ]
    + ["s3://studio/air/cifar10/one", "s3://elsewhere/cifar10/one", "file:///etc/a/b"],
)
def test_folder_outside_the_storage_is_left_alone(tmp_path: Path, source: str) -> None:
    """Only this app decides which folders of its storage are versions."""
    folder = tmp_path / "other" / "one"
    folder.mkdir(parents=True)
    (tmp_path / "checkpoints" / "cifar10").mkdir(parents=True)
    named = source.format(home=tmp_path)
    with pytest.raises(ForeignSource, match="is outside AIR_STORAGE"):
        storage.delete(named, _machine(tmp_path, str(tmp_path / "storage")))
    assert folder.is_dir()
    assert (tmp_path / "checkpoints" / "cifar10").is_dir()


@pytest.mark.parametrize(
    "source", ["s3://studio/air", "s3://studio/air/cifar10", "s3://studio/air/../x/y", "s3://studio/airs/x/y"]
)
def test_address_outside_the_storage_is_left_alone(s3: Any, tmp_path: Path, source: str) -> None:
    s3.put_object(Key="x/y/one", Body=b"kept")
    with pytest.raises(ForeignSource, match="is outside AIR_STORAGE"):
        storage.delete(source, _machine(tmp_path))
    assert _names(s3) == ["x/y/one"]


def test_folder_made_before_the_storage_was_named_is_still_ours(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints" / "cifar10" / "one"
    folder.mkdir(parents=True)
    storage.delete(str(folder), _machine(tmp_path))
    assert not folder.exists()
