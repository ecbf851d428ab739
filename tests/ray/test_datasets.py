"""Data that Ray reads and decodes, and the messages about data that it cannot read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import boto3
import numpy as np
import pyarrow as pa
import pytest

from settings import Settings
from tests.helpers.models import IMAGES, ROWS
from tests.helpers.servers.aws import KEYS
from training.datasets import pictures as cifar10
from training.datasets import tables as breast_cancer
from training.runs.errors import DataError


def test_unreadable_picture_is_named(training_settings: Settings) -> None:
    test = cifar10.load(IMAGES, training_settings).test
    stored = [item.as_py() for item in test.stored]
    stored[17] = b"broken"
    label = sorted(IMAGES.data.labels)[test.labels[17]]
    with pytest.raises(DataError, match=rf"^test/{label}/\d\.png cannot be decoded; replace or remove it\.$"):
        cifar10.decode_with_ray(replace(test, stored=pa.array(stored, type=pa.binary())))
    with pytest.raises(DataError, match=r"^Picture 17 cannot be decoded"):
        cifar10.decode_with_ray(replace(test, stored=pa.array(stored, type=pa.binary()), names=None))


def test_pictures_of_which_none_can_be_read_are_told_by_the_first(training_settings: Settings) -> None:
    pointers = pa.array([b"version https://git-lfs.github.com/spec/v1"] * 8, type=pa.binary())
    with pytest.raises(DataError, match=r"^Picture 0 cannot be decoded"):
        cifar10.decode_with_ray(cifar10.Pictures(pointers, np.zeros(8, dtype=np.int64), raw=False, size=32))


@pytest.fixture
def s3(aws: str) -> str:
    """The address of a server with one public and one private bucket."""
    client = boto3.client(
        "s3", endpoint_url=aws, region_name="us-east-1", aws_access_key_id="user", aws_secret_access_key="secret"
    )
    for bucket, acl in (("open-data", "public-read"), ("private-data", "private")):
        client.create_bucket(Bucket=bucket)
        client.put_object(Bucket=bucket, Key="folder/table.csv", Body=ROWS.path(ROWS.data.file).read_bytes(), ACL=acl)
    return aws


@pytest.mark.parametrize("address", ["s3://anonymous@open-data/folder/table.csv", "s3://private-data/folder/table.csv"])
def test_table_is_read_from_s3(
    training_settings: Settings, s3: str, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3)
    if "anonymous@" not in address:
        for name, value in KEYS.items():
            monkeypatch.setenv(name, value)
    assert breast_cancer.read_with_ray(ROWS, address).fingerprint == breast_cancer.read(ROWS).fingerprint


@pytest.mark.parametrize("key", ["open-data/nothing.csv", "private-data/folder/table.csv"])
def test_s3_object_that_cannot_be_read_is_one_sentence(
    training_settings: Settings, s3: str, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3)
    with pytest.raises(DataError, match=key) as caught:
        breast_cancer.read_with_ray(ROWS, f"s3://anonymous@{key}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a,b\n1,2\n", "no column 'target'"),
        ("a,target\n1,0\nx,1\n", "not a number"),
        ("a,target\n1,0\n,1\n", "Line 3, column 'a': It is empty"),
        ("a,target\n7,0\n2,3\n", "must hold 0"),
        ("a,target\n7,0\n2,1\n", "fewer than 5"),
    ],
)
def test_unusable_table_is_told_in_one_sentence(
    training_settings: Settings, tmp_path: Path, text: str, sentence: str
) -> None:
    file = tmp_path / "table.csv"
    file.write_text(text)
    with pytest.raises(DataError, match=sentence):
        breast_cancer.read_with_ray(ROWS, str(file))
