"""Two studios with their pages: a local one that tests only read, and a public one that they change.

Each test begins with freshly loaded pages: a new visitor for the server. Their windows are
reused, because opening one costs more than loading a page.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page

from serve_deployments.routes import jobs as job_routes
from settings import get_settings
from tests.helpers.clients.screens import ADMIN_TOKEN, DESKTOP, REFRESH_S, WAIT_MS, Complaints
from tests.helpers.in_process import chapter
from tests.helpers.in_process.own_models import OwnModels
from tests.helpers.in_process.processes import at_rest
from tests.helpers.in_process.studio import Studio
from tests.helpers.samples import own_models as samples
from tests.helpers.samples import versions
from training.jobs.store import ENDED

NOWHERE = "about:blank"
END_S = 20


@pytest.fixture(scope="package", autouse=True)
def seldom(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Pages rarely check for changes by themselves: a test that changes something triggers it (``later``).

    The chapter's programs are short.

    Gradio has one folder for uploads per process, which pages get as AIR_TMP.
    """
    folder = tmp_path_factory.mktemp("page")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIR_REFRESH_S", str(REFRESH_S))
        patch.setattr(job_routes, "FRESH_S", 0.0)
        chapter.with_programs(patch, tmp_path_factory.mktemp("examples"))
        patch.setenv("GRADIO_TEMP_DIR", str(folder))  # the page sets it; here it is as before in the end
        get_settings.cache_clear()
        yield folder
    get_settings.cache_clear()


@pytest.fixture(scope="package")
def shared(seldom: Path, small_cifar10: Path) -> dict[str, Any]:
    """Settings of both studios."""
    return {"cifar10_dir": small_cifar10, "air_tmp": seldom}


@pytest.fixture(scope="package")
def local(shared: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """A studio in local mode with the two shipped versions."""
    with Studio(tmp_path_factory.mktemp("local") / "home", page=True, **shared) as studio:
        at_rest(studio)
        yield studio


@pytest.fixture(scope="package")
def public(shared: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """A studio in public mode with an admin; version 2 of its image model answers the next class for each picture."""
    home = tmp_path_factory.mktemp("public") / "home"
    versions.add_shifted(home)
    with Studio(home, page=True, air_mode="public", air_admin_token=ADMIN_TOKEN, **shared) as studio:
        at_rest(studio)
        yield studio


@pytest.fixture(scope="package")
def app_url(local: Studio) -> str:
    """The address of the local studio."""
    return local.url


@pytest.fixture(scope="package")
def http(local: Studio) -> httpx.Client:
    """A client of its API."""
    return local.client()


@pytest.fixture(scope="package")
def admin(public: Studio) -> httpx.Client:
    """A client of the public studio's API with the admin's token."""
    return public.client(ADMIN_TOKEN)


@pytest.fixture(scope="package")
def own_page(local: Studio) -> Iterator[OwnModels]:
    """A second page for the local studio's API, with models of a person's own."""
    with OwnModels(local) as own:
        yield own


@pytest.fixture
def own(own_page: OwnModels) -> OwnModels:
    """The same with two own tables, whatever the test before did."""
    own_page.begin(samples.PRICES, samples.BIRDS)
    return own_page


@pytest.fixture
def jobs(admin: httpx.Client) -> Iterator[str]:
    """The job routes of the public studio; jobs that a test leaves running are stopped."""
    yield "/jobs"
    for job in _open_jobs(admin):
        admin.post(f"/jobs/{job['id']}/cancel")
    deadline = time.monotonic() + END_S
    while left := _open_jobs(admin):
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


def _open_jobs(admin: httpx.Client) -> list[dict[str, Any]]:
    return [job for job in admin.get("/jobs").json()["jobs"] if job["state"] not in ENDED]


class Windows:
    """Windows of a browser, each with its own session, that tests use in turn."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._free: dict[str, list[Page]] = {}
        self._used: list[tuple[str, Page]] = []
        self._complaints = Complaints()

    def open(
        self,
        url: str,
        viewport: dict[str, int] = DESKTOP,
        color_scheme: str = "light",
        extra_http_headers: dict[str, str] | None = None,
    ) -> Page:
        """A page that was just loaded, in a window that no other page of this test is in."""
        page = self._free[url].pop() if self._free.get(url) else self._made(url)
        self._used.append((url, page))
        page.set_viewport_size(viewport)
        # Without animations: without a GPU they take half a machine, and axe would check colours in transition.
        page.emulate_media(color_scheme=color_scheme, reduced_motion="reduce")
        page.set_extra_http_headers(extra_http_headers or {})
        page.goto(url)
        return page

    def leave(self) -> list[str]:
        """Leave all pages; console errors and foreign requests since the last time."""
        for url, page in self._used:
            page.goto(NOWHERE)
            self._free.setdefault(url, []).append(page)
        self._used = []
        found, self._complaints.found = self._complaints.found, []
        return found

    def _made(self, url: str) -> Page:
        page = self._browser.new_context(permissions=["clipboard-read", "clipboard-write"]).new_page()
        page.set_default_timeout(WAIT_MS)
        page.clock.install()
        self._complaints.watch(page, url)
        return page

    def close(self) -> None:
        """Close them all."""
        for pages in self._free.values():
            for page in pages:
                page.context.close()


@pytest.fixture(scope="package")
def windows(browser: Browser) -> Iterator[Windows]:
    """Windows of the one browser."""
    windows = Windows(browser)
    yield windows
    windows.close()


@pytest.fixture
def open_page(windows: Windows) -> Iterator[Callable[..., Page]]:
    """Opens pages; at the end fails on console errors and foreign requests."""
    yield windows.open
    assert windows.leave() == []


@pytest.fixture
def images(open_page: Callable[..., Page], app_url: str) -> Page:
    """The Images screen with its examples."""
    page = open_page(app_url)
    page.locator(".air-gallery button").first.wait_for()
    return page


@pytest.fixture
def example(http: httpx.Client) -> dict[str, Any]:
    """A validation picture with its true label."""
    return http.get("/models/cifar10/examples", params={"n": 1}).json()["examples"][0]


@pytest.fixture
def picture(example: dict[str, Any], tmp_path: Path) -> Path:
    """The same as a file with an awkward name."""
    path = tmp_path / 'Émile\'s "cat" {0} 😀.png'
    path.write_bytes(base64.b64decode(example["image"]))
    return path
