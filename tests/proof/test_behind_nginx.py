"""AIR Studio behind nginx with TLS and the configuration of cluster/vm/: at the root of a site and below a path."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from PIL import Image
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from benchmarks.harness.running_app import RunningApp, free_port
from settings import ROOT
from tests.helpers.clients.screens import ADMIN_TOKEN, IMAGE_ANSWER, TABLE_ANSWER
from tests.helpers.install.nginx import nginx
from tests.helpers.servers.certificates import AUTHORITY, make_certificate

MAIN = """
{user}
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""
# As most people write it first: nothing but where to.
BARE = """
server {{
    listen 127.0.0.1:{port};
    location / {{
        proxy_pass http://127.0.0.1:{app_port};
    }}
}}
"""
WAIT_MS = 40_000


class Site:
    """An address with TLS, and a client that trusts it."""

    def __init__(self, folder: Path, port: int, path: str) -> None:
        self.plain = f"http://localhost:{port}{path}"
        self.url = f"https://localhost:{port + 1}{path}"
        self.client = requests.Session()
        self.client.verify = str(folder / AUTHORITY)
        self.client.trust_env = False


@pytest.fixture(scope="session")
def run_nginx() -> Iterator[Callable[[Path, str], None]]:
    """Runs nginx in a folder with the text of a site."""
    binary = nginx()
    assert binary, "no nginx; python -m tests.helpers.install.nginx installs one"
    started = []

    def run(folder: Path, text: str) -> None:
        (folder / "site.conf").write_text(text)
        user = "user root;" if os.geteuid() == 0 else ""
        (folder / "nginx.conf").write_text(MAIN.format(folder=folder, user=user))
        started.append(subprocess.Popen([binary, "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]))
        deadline = time.monotonic() + 10
        while not (folder / "nginx.pid").exists():
            assert time.monotonic() < deadline, (folder / "error.log").read_text()
            time.sleep(0.05)

    yield run
    for process in started:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="session")
def behind_nginx(
    tmp_path_factory: pytest.TempPathFactory, run_nginx: Callable[[Path, str], None]
) -> Callable[[RunningApp, str], Site]:
    """Puts nginx in front of an app, at a path that begins and ends with a slash."""

    def start(app: RunningApp, path: str) -> Site:
        folder = tmp_path_factory.mktemp("nginx")
        certificate = make_certificate(folder, ["localhost"])
        port = free_port()
        text = (ROOT / "cluster" / "vm" / "nginx.conf").read_text()
        for pattern, own in (
            ("listen 80;", f"listen 127.0.0.1:{port};"),
            ("listen 443 ssl;", f"listen 127.0.0.1:{port + 1} ssl;"),
            (r"/etc/\S+/fullchain.pem", str(certificate)),
            (r"/etc/\S+/privkey.pem", str(certificate.with_suffix(".key"))),
            (r"studio\.example", "localhost"),
            ("127.0.0.1:7860", f"127.0.0.1:{app.port}"),
            ("location / ", f"location {path} "),
        ):
            text, count = re.subn(pattern, own, text)
            assert count, pattern
        run_nginx(folder, text)
        return Site(folder, port, path)

    return start


@pytest.fixture(scope="session")
def site(public_app: RunningApp, behind_nginx: Callable[[RunningApp, str], Site]) -> Site:
    """The public app at the root of a site."""
    return behind_nginx(public_app, "/")


@pytest.fixture(scope="module")
def site_below_a_path(
    tmp_path_factory: pytest.TempPathFactory, behind_nginx: Callable[[RunningApp, str], Site]
) -> Iterator[Site]:
    """A separate app at /air/ of a site, without a token; it ends before the shared apps start."""
    app = RunningApp(tmp_path_factory.mktemp("below") / "home", AIR_MODE="public", AIR_ROOT_PATH="/air/")
    try:
        yield behind_nginx(app.start(), "/air/")
    finally:
        app.stop()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[[Site], Page]]:
    """Opens a site; reports console errors, failed requests and requests to other hosts at the end."""
    contexts, complaints = [], []

    def watch(reply: Any, site: Site) -> None:
        if (
            urlsplit(reply.url).scheme.startswith("http")
            and (reply.status >= 400 or not reply.url.startswith(site.url))
            and urlsplit(reply.url).path != "/favicon.ico"
        ):
            complaints.append(f"{reply.status} {reply.url}")

    def say(line: ConsoleMessage) -> None:
        # A browser looks for an icon at the root of the site before the page names its own; it is another's.
        if line.type == "error" and urlsplit(line.location["url"]).path != "/favicon.ico":
            complaints.append(f"{line.text} {line.location}")

    def open_(site: Site) -> Page:
        contexts.append(browser.new_context(ignore_https_errors=True, viewport={"width": 1280, "height": 900}))
        page = contexts[-1].new_page()
        page.set_default_timeout(WAIT_MS)
        page.on("console", say)
        page.on("response", lambda reply: watch(reply, site))
        page.goto(site.url)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert complaints == []


def _large_picture(folder: Path, side: int) -> Path:
    path = folder / "large.bmp"
    Image.new("RGB", (side, side), "red").save(path)
    return path


def test_plain_http_leads_to_tls(site: Site) -> None:
    reply = site.client.get(f"{site.plain}api/models?x=1", allow_redirects=False)
    assert reply.status_code == 301
    assert reply.headers["Location"] == "https://localhost/api/models?x=1"


def test_a_picture_of_20_mb_goes_through(site: Site, tmp_path: Path) -> None:
    picture = _large_picture(tmp_path, 2600)
    assert picture.stat().st_size > 20_000_000
    with picture.open("rb") as file:
        reply = site.client.post(f"{site.url}api/cifar10/predict", files={"file": file}, timeout=60)
    assert reply.status_code == 200, reply.text
    assert len(reply.json()["predictions"]) == 1


def test_a_body_that_is_too_large_is_refused_by_the_api_in_its_own_words(site: Site) -> None:
    reply = site.client.post(f"{site.url}api/cifar10/predict", data=b"x" * (20 * 1024**2 + 1000), timeout=60)
    assert reply.status_code == 413
    assert "20 MB" in reply.json()["error"]["message"]


def test_only_who_has_the_token_changes_something_through_nginx(site: Site) -> None:
    change = {"url": f"{site.url}api/models/cifar10/promote", "json": {"version": "champion"}, "timeout": 60}
    assert site.client.post(**change).status_code == 401
    assert site.client.post(**change, headers={"Authorization": f"Bearer {ADMIN_TOKEN}"}).status_code == 200


def test_events_come_as_they_happen(site: Site) -> None:
    with site.client.get(f"{site.url}gradio_api/heartbeat/somebody", stream=True, timeout=60) as reply:
        assert reply.headers["Content-Type"].startswith("text/event-stream")
        first = next(reply.iter_content(None))
        assert first  # the stream is still open: nothing on the way collects it first


def _names_a_ship(page: Page) -> None:
    page.locator("#air-images-picture input[type=file]").set_input_files(ROOT / "docs" / "example.png")
    verdict = page.locator(f"{IMAGE_ANSWER} .air-verdict strong")
    expect(verdict).to_have_text(re.compile("ship", re.IGNORECASE), timeout=WAIT_MS)


def test_the_page_works_at_the_root_of_a_site(site: Site, open_page: Callable[[Site], Page]) -> None:
    _names_a_ship(open_page(site))


def test_the_page_works_below_a_path(site_below_a_path: Site, open_page: Callable[[Site], Page]) -> None:
    page = open_page(site_below_a_path)
    _names_a_ship(page)
    page.get_by_role("tab", name="Table").click()
    page.locator(f"{TABLE_ANSWER} .air-verdict").wait_for()


def test_the_documentation_works_below_a_path(site_below_a_path: Site, open_page: Callable[[Site], Page]) -> None:
    page = open_page(site_below_a_path)
    page.goto(f"{site_below_a_path.url}api/docs")
    page.get_by_text("/cifar10/predict", exact=True).first.wait_for()
    document = site_below_a_path.client.get(f"{site_below_a_path.url}api/openapi.json").json()
    assert document["servers"] == [{"url": "/air/api"}]


def test_a_public_demo_without_a_token_changes_nothing(site_below_a_path: Site) -> None:
    assert site_below_a_path.client.get(f"{site_below_a_path.url}api/access").json()["changes"] == "off"
    for path in ("api/models/cifar10/promote", "api/jobs"):
        reply = site_below_a_path.client.post(f"{site_below_a_path.url}{path}", json={"version": "1"}, timeout=60)
        assert reply.status_code == 403, reply.text
        assert "read-only demo" in reply.json()["error"]["message"]


def test_local_mode_changes_nothing_through_a_proxy_that_says_nothing_of_itself(
    app: RunningApp, tmp_path: Path, run_nginx: Callable[[Path, str], None]
) -> None:
    port = free_port()
    run_nginx(tmp_path, BARE.format(port=port, app_port=app.port))
    api = f"http://127.0.0.1:{port}/api"
    assert requests.get(f"{api}/access", timeout=10).json() == {"mode": "local", "changes": "off"}
    refused = requests.post(f"{api}/jobs", json={"kind": "train", "model": "breast-cancer"}, timeout=10)
    assert refused.status_code == 403
    assert "through a proxy" in refused.json()["error"]["message"]
    assert requests.get(f"{app.url}/api/access", timeout=10).json()["changes"] == "open"
