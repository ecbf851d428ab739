"""The Cluster screen in real Chromium: what runs where, what is killed comes back, and who may not kill anything.

`public_app`, `admin`, `app` and `browser` come from conftest.py.
"""

from __future__ import annotations

import os
import re
import signal

import pytest
import requests
from playwright.sync_api import Page, expect

from settings import ROOT
from tests.conftest import WAIT_MS
from tests.helpers.load import Load
from tests.helpers.screens import DONE_MS, PHONE, assert_fits, button, sign_in, violations

PICTURE = (ROOT / "docs" / "example.png").read_bytes()
PNG = {"Content-Type": "image/png"}
SIGN_IN_FIRST = "Sign in first: only who has the admin's token may change things here."


@pytest.fixture
def open_screen(open_page):
    """Opens the Cluster screen."""
    return lambda url, **options: _to_screen(open_page(url, **options))


def _to_screen(page: Page) -> Page:
    page.get_by_role("tab", name="Cluster").click()
    page.locator("#air-workload-serving li").first.wait_for()
    return page


def _replicas(page: Page) -> list[str]:
    found = page.locator("#air-workload-serving li", has_text="replica of the image model")
    return sorted(found.locator("code").all_inner_texts())


def test_quiet_cluster_says_what_each_kind_of_work_would_be(open_screen, app):
    page = open_screen(app.url)
    for kind in ("data", "training", "tuning"):
        expect(page.locator(f"#air-workload-{kind} li")).to_have_count(0)
        expect(page.locator(f"#air-workload-{kind}")).to_contain_text("now.")
    told = requests.get(f"{app.url}/api/cluster").json()
    pids = {str(one["pid"]) for one in told["processes"] if one["workload"] == "serving"}
    expect(page.locator("#air-workload-serving li")).to_have_count(len(pids))
    assert set(page.locator("#air-workload-serving code").all_inner_texts()) == pids
    expect(page.locator("#air-machines")).to_contain_text("Moved to disk because the object store was full: 0 MB")
    expect(page.locator("#air-replicas tbody tr")).to_have_count(3)
    expect(page.locator("#air-work")).to_contain_text("Queue of jobs")
    expect(button(page, "Kill a replica")).to_be_enabled()
    expect(button(page, "Kill a training worker")).to_be_disabled()


def test_replica_that_dies_leaves_the_screen_and_a_new_one_is_marked(open_screen, public_app):
    page = open_screen(public_app.url)
    before = _replicas(page)
    assert len(before) == 2
    with Load(f"{public_app.url}/api/cifar10/predict", 2, 0.1, data=PICTURE, headers=PNG) as load:
        os.kill(int(before[0]), signal.SIGKILL)
        expect(page.locator(f"#air-workload-serving li[data-pid='{before[0]}']")).to_have_count(0)
        new = page.locator("#air-workload-serving li", has_text="new").filter(has_text="replica of the image model")
        expect(new).to_have_count(1, timeout=DONE_MS)
    assert load.failed == []
    assert new.locator("code").inner_text() not in before


def test_admin_kills_a_replica_by_button_and_reads_the_seconds(open_screen, public_app):
    page = open_screen(public_app.url)
    expect(page.locator("#air-cluster-why")).to_have_text(SIGN_IN_FIRST)
    expect(button(page, "Kill a replica")).to_be_disabled()
    sign_in(page)
    before = _replicas(page)
    button(page, "Kill a replica").click()
    note = page.locator("#air-kill-note")
    expect(note).to_contain_text("A replica is being killed.")
    expect(note).to_have_text(
        re.compile(r"The replica (\d+) was killed\. \d+\.\d s later process \d+ works in its place\."), timeout=DONE_MS
    )
    killed = re.search(r"replica (\d+)", note.inner_text())[1]
    assert killed in before
    expect(page.locator(f"#air-workload-serving li[data-pid='{killed}']")).to_have_count(0)
    button(page, "Sign out").click()
    expect(button(page, "Kill a replica")).to_be_disabled()


def test_screen_out_of_sight_asks_nothing(open_screen, app):
    page = open_screen(app.url)
    page.get_by_role("tab", name="Table").click()
    page.get_by_label("mean radius").wait_for()
    page.wait_for_timeout(2_000)
    asked = []
    page.on("request", lambda request: asked.append(request.url) if request.url.endswith("/queue/join?") else None)
    page.wait_for_timeout(10_000)
    # The header looks every five seconds, whatever the screen.
    assert len(asked) <= 3


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_screen_is_accessible_and_fits_a_phone(open_screen, app, scheme):
    page = open_screen(app.url, viewport=PHONE, color_scheme=scheme)
    page.get_by_role("button", name="What AIR Studio and Ray need for themselves").click()
    expect(page.locator("#air-own-processes li").first).to_be_visible(timeout=WAIT_MS)
    assert violations(page) == []
    assert_fits(page)
