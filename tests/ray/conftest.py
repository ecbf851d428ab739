"""Shared by this folder: one small Ray for all, an AIR_HOME for each module, an S3 server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import torch

from settings import Settings, available_cpus, get_settings
from tests.helpers.servers.aws import aws_server
from tests.helpers.training.own_ray import own_ray

STORE_MB = 128
LOGICAL_CPUS = 8


@pytest.fixture(scope="package")
def ray_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings of the one Ray, which ends with this folder. Its object store is as small as possible."""
    settings = Settings(air_home=tmp_path_factory.mktemp("ray"), air_object_store_mb=STORE_MB)
    with pytest.MonkeyPatch.context() as environment:
        # What workers keep for themselves goes there.
        environment.setenv("AIR_HOME", str(settings.air_home))
        # Threads that share so little work wait for each other most of the time, on a busy machine above all.
        environment.setenv("AIR_CPUS", "1")
        # How often Ray Train looks whether several workers have ended; these have after moments.
        environment.setenv("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", "0.2")
        # A process each, for what goes to the disk and comes back.
        environment.setenv("RAY_max_io_workers", "1")
        # However slow the machine is.
        environment.setenv("RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S", "600")
        get_settings.cache_clear()
        torch.set_num_threads(1)
        with own_ray(settings, num_cpus=LOGICAL_CPUS):
            yield settings
    get_settings.cache_clear()
    torch.set_num_threads(available_cpus())


@pytest.fixture(scope="module")
def training_settings(
    ray_settings: Settings, tmp_path_factory: pytest.TempPathFactory, small_cifar10: Path
) -> Settings:
    """Settings with a separate AIR_HOME for the module, on the shared Ray."""
    return ray_settings.model_copy(update={"air_home": tmp_path_factory.mktemp("home"), "cifar10_dir": small_cifar10})


@pytest.fixture(scope="package")
def aws_of_all() -> Iterator[str]:
    """The address of an S3 server on loopback."""
    with aws_server() as url:
        yield url


@pytest.fixture
def aws(aws_of_all: str) -> str:
    """The same with nothing in it."""
    requests.post(f"{aws_of_all}/moto-api/reset", timeout=10).raise_for_status()
    return aws_of_all
