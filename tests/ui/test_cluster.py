"""The Cluster screen in real Chromium: processes by node, killed ones are replaced, and permissions.

The test sets Ray's state.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import httpx
import pytest
from playwright.sync_api import Page, Request, expect

from serve_deployments.cluster_view.ray_state import Placement, Process
from serve_deployments.routes import cluster as cluster_routes
from tests.helpers.clients.screens import PHONE, assert_accessible, assert_fits, button, later, sign_in, to_cluster
from tests.helpers.in_process.played import Played, wait_for
from tests.helpers.in_process.processes import actor, at_rest, replica_process
from tests.helpers.in_process.studio import HERE, Studio

SIGN_IN_FIRST = "Sign in first: only those with the admin's token may change things here."
TRAINING = "02"
MANY, STEP_MS = 5, 50


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every request reads the cluster's state again."""
    monkeypatch.setattr(cluster_routes, "FRESH_S", 0.0)


@pytest.fixture
def open_screen(open_page: Callable[..., Page]) -> Callable[..., Page]:
    """Opens the Cluster screen."""
    return lambda url, **options: to_cluster(open_page(url, **options))


@pytest.fixture
def killed(public: Studio) -> Iterator[list[Process]]:
    """Killed processes; Ray's state is restored at the end of the test."""
    gone: list[Process] = []
    public.ray.on_kill = gone.append
    yield gone
    public.ray.on_kill = lambda process: None
    public.ray.placements = []
    at_rest(public)


def _replicas(page: Page) -> list[str]:
    found = page.locator("#air-workload-serving li", has_text="replica of cifar10")
    return sorted(found.locator("code").all_inner_texts())


def test_quiet_cluster_says_what_each_kind_of_work_would_be(
    open_screen: Callable[..., Page], app_url: str, http: httpx.Client
) -> None:
    page = open_screen(app_url)
    for kind in ("data", "training", "tuning"):
        expect(page.locator(f"#air-workload-{kind} li")).to_have_count(0)
        expect(page.locator(f"#air-workload-{kind}")).to_contain_text("now.")
    seen = http.get("/cluster").json()
    pids = {str(one["pid"]) for one in seen["processes"] if one["workload"] == "serving"}
    expect(page.locator("#air-workload-serving li")).to_have_count(len(pids))
    assert set(page.locator("#air-workload-serving code").all_inner_texts()) == pids
    expect(page.locator("#air-machines")).to_contain_text("Moved to disk because the object store was full: 0 MB")
    expect(page.locator("#air-replicas tbody tr")).to_have_count(3)
    expect(page.locator("#air-work")).to_contain_text("Queue of jobs")
    expect(button(page, "Kill a replica")).to_be_enabled()
    expect(button(page, "Kill a training worker")).to_be_disabled()


def test_admin_kills_by_button_reads_the_seconds_and_sees_new_processes(
    open_screen: Callable[..., Page], public: Studio, admin: httpx.Client, jobs: str, killed: list[Process]
) -> None:
    page = open_screen(public.url)
    expect(page.locator("#air-cluster-why")).to_have_text(SIGN_IN_FIRST)
    expect(button(page, "Kill a replica")).to_be_disabled()
    sign_in(page)
    before = _replicas(page)
    assert len(before) == 2
    replicas = public.replicas.apps["cifar10"]
    lost = replicas.pop(0)  # the one that is killed first
    try:
        button(page, "Kill a replica").click()
        note = page.locator("#air-kill-note")
        expect(note).to_contain_text("A replica is being killed.")
        wait_for(lambda: killed)
        later(page)
        expect(page.locator(f"#air-workload-serving li[data-pid='{before[0]}']")).to_have_count(0)
        assert [str(process.pid) for process in killed] == [before[0]]
        come = replica_process(lost)
        public.ray.processes.append(come)
    finally:
        replicas.append(lost)
    expect(note).to_have_text(
        re.compile(
            rf"The replica {before[0]} was killed\. \d+\.\d s later process {come.pid} works in its place\. "
            r"The other replicas answered meanwhile\."
        )
    )
    new = page.locator("#air-workload-serving li", has_text="new").filter(has_text="replica of cifar10")
    expect(new).to_have_count(1)
    expect(new.locator("code")).to_have_text(str(come.pid))

    workers = _train_with_two_workers(public, admin, jobs)
    later(page)
    expect(page.locator("#air-workload-training li")).to_have_text(
        [re.compile(f"^{worker.pid}training worker: learns from its share of the data") for worker in workers]
    )
    expect(page.locator("#air-work")).to_contain_text("2 workers, 2 on 127.0.0.1")
    expect(page.locator("#air-work")).to_contain_text("CIFAR-10, training: running now")
    button(page, "Kill a training worker").click()
    wait_for(lambda: killed[1:] == [workers[0]])
    later(page)
    expect(page.locator("#air-workload-training li")).to_have_count(1)
    public.ray.processes.remove(workers[1])
    public.ray.processes += (anew := [_worker(), _worker()])
    expect(note).to_have_text(
        re.compile(
            rf"The training worker {workers[0].pid} was killed\. \d+\.\d s later process {anew[0].pid} works in its "
            r"place\. The training resumes from its last checkpoint\."
        )
    )
    button(page, "Sign out").click()
    expect(button(page, "Kill a replica")).to_be_disabled()


def _worker() -> Process:
    return actor("RayTrainWorker", TRAINING)


def _train_with_two_workers(studio: Studio, admin: httpx.Client, jobs: str) -> list[Process]:
    job = admin.post(jobs, json={"kind": "train", "model": "cifar10", "config": {"num_workers": 2}}).json()["id"]
    Played(studio, job)
    ray, workers = studio.ray, [_worker(), _worker()]
    ray.commands = ray.commands | {TRAINING: f"python -m training.jobs.runner {studio.home}/jobs/{job}"}
    ray.placements = [Placement("a", "PACK", "created", [(HERE, {"CPU": 1.0})] * 2)]
    ray.processes += workers
    return workers


def test_screen_out_of_sight_asks_nothing(images: Page) -> None:
    page, asked = images, []
    (header,), (own,) = _events(page, "air-status"), _events(page, "air-workloads")
    others = {event for place in ("air-job", "air-study", "air-batch-job") for event in _events(page, place)}
    page.on("request", lambda request: _event(request) is not None and asked.append(_event(request)))
    # As fast as nobody clicks: none of them waits for what the one before asked.
    page.get_by_role("tab").evaluate_all("tabs => tabs.slice(2).forEach(tab => tab.click())")
    to_cluster(page)
    while asked.count(own) < MANY:
        later(page)
        page.wait_for_timeout(STEP_MS)
    del asked[:]
    while asked.count(own) < MANY:
        later(page)
        page.wait_for_timeout(STEP_MS)
    assert not others & {*asked}

    page.get_by_role("tab", name="Table").click()
    page.get_by_label("mean radius").wait_for()
    del asked[:]
    while asked.count(header) < 2 * MANY:
        later(page)
        page.wait_for_timeout(STEP_MS)
    # The header looks whatever the screen. What was on its way from here has been asked by now.
    assert asked[-MANY:] == [header] * MANY


def _events(page: Page, place: str) -> list[int]:
    """The events of the page that draw an element."""
    return page.evaluate(
        """place => {
            const {components, dependencies} = window.gradio_config;
            const drawn = components.find(one => one.props.elem_id === place).id;
            return dependencies.filter(one => one.outputs.includes(drawn)).map(one => one.id);
        }""",
        place,
    )


def _event(request: Request) -> int | None:
    """The page's event that a request belongs to."""
    return request.post_data_json["fn_index"] if request.url.endswith("/queue/join?") else None


def test_screen_is_accessible_and_fits_a_phone(open_screen: Callable[..., Page], app_url: str) -> None:
    page = open_screen(app_url, viewport=PHONE)
    page.get_by_role("button", name="What AIR Studio and Ray need for themselves").click()
    expect(page.locator("#air-own-processes li").first).to_be_visible()
    assert_accessible(page)
    assert_fits(page)
