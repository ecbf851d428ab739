"""Shared by this folder: an S3 server, fresh settings, a registry's empty database."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests

from models import registry
from models.artifact import storage
from settings import Settings, get_settings
from tests.helpers.servers.aws import KEYS, aws_server

BUCKET = "studio"


@pytest.fixture(scope="package")
def aws() -> Iterator[str]:
    """The address of an S3 server on loopback."""
    with aws_server() as url:
        yield url


@pytest.fixture
def s3(aws: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The empty bucket ``BUCKET`` of that server, which this process reaches."""
    requests.post(f"{aws}/moto-api/reset", timeout=10).raise_for_status()
    for name, value in {"AWS_ENDPOINT_URL": aws, **KEYS}.items():
        monkeypatch.setenv(name, value)
    storage._remote_metadata.cache_clear()
    return boto3.resource("s3", region_name="us-east-1").create_bucket(Bucket=BUCKET)


@pytest.fixture
def set_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Sets variables for this process, whose settings are read again."""

    def set_(**variables: str) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        get_settings.cache_clear()

    yield set_
    get_settings.cache_clear()


@pytest.fixture(scope="package")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow's database with empty tables, which takes a second to create."""
    home = tmp_path_factory.mktemp("database")
    registry._open_client(Settings(air_home=home))
    return home / "mlflow.db"


@pytest.fixture
def new_home(empty_database: Path, tmp_path: Path) -> Callable[[str], Path]:
    """Makes an AIR_HOME of this name, without a version in it."""

    def make(name: str) -> Path:
        home = tmp_path / name
        home.mkdir()
        shutil.copyfile(empty_database, home / "mlflow.db")
        return home

    return make
