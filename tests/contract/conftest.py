"""The whole API in this process: a local studio that tests only read, and a public one that they change.

Both hold the real shipped models. Version 2 of the public one's image model answers the next class.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.helpers.clients.screens import ADMIN_TOKEN
from tests.helpers.in_process.studio import Studio
from tests.helpers.samples import versions


@pytest.fixture(scope="session")
def studio(tmp_path_factory: pytest.TempPathFactory, small_cifar10: Path) -> Iterator[Studio]:
    """A studio in local mode with the two shipped versions and nothing else."""
    with Studio(tmp_path_factory.mktemp("local") / "home", cifar10_dir=small_cifar10) as studio:
        yield studio


@pytest.fixture(scope="session")
def api(studio: Studio) -> httpx.Client:
    """A client of its API."""
    return studio.client()


@pytest.fixture(scope="session")
def public(tmp_path_factory: pytest.TempPathFactory, small_cifar10: Path) -> Iterator[Studio]:
    """A studio in public mode with an admin."""
    home = tmp_path_factory.mktemp("public") / "home"
    versions.add_shifted(home)
    with Studio(home, cifar10_dir=small_cifar10, air_mode="public", air_admin_token=ADMIN_TOKEN) as studio:
        yield studio


@pytest.fixture(scope="session")
def anyone(public: Studio) -> httpx.Client:
    """A client of the public studio without a token."""
    return public.client()


@pytest.fixture(scope="session")
def admin(public: Studio) -> httpx.Client:
    """A client of the public studio with the admin's token."""
    return public.client(ADMIN_TOKEN)


@pytest.fixture
def example(api: httpx.Client) -> dict[str, Any]:
    """A validation picture with its true label."""
    return api.get("/models/cifar10/examples", params={"n": 1}).json()["examples"][0]


@pytest.fixture
def example_picture(example: dict[str, Any]) -> bytes:
    """Its bytes."""
    return base64.b64decode(example["image"])
