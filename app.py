"""Start AIR Studio: Ray, the models, the control API and the page, on one port.

python app.py            then open http://localhost:7860; Ctrl-C stops everything
python -m ui             the page alone, against an API that runs elsewhere; the same as python app.py page
"""

from __future__ import annotations

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - a clear message for an old Python
    sys.exit(f"AIR Studio needs Python 3.11 or newer; this is {sys.version.split()[0]}. Try: python3.11 app.py")

import os

if not os.environ.get("RAY_ADDRESS"):  # an empty value counts as unset, as in Settings
    # Before Ray is imported: a local Ray uses only the loopback interface. The variable's name mentions
    # Windows and macOS, but it does the same on Linux.
    os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")

import argparse
import signal
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

import psutil
from ray import serve

from models import specs
from serve_deployments.machine import CannotStart, check_machine
from settings import Settings, SettingsError, get_settings, hand_on_token, private_folder
from training.runs.ray_session import ON_HEAD

if TYPE_CHECKING:
    import httpx

BEGAN = psutil.Process().create_time()
READY_TIMEOUT_S = 300.0
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
STOP_REQUESTED = threading.Event()
UI_APP, CONTROL_APP = "ui", "control"
ROUTES = {CONTROL_APP: "/api", UI_APP: "/"}


def build_page(
    settings: Settings | None = None, transport: httpx.AsyncBaseTransport | None = None, api: str | None = None
) -> Any:
    """The page as an ASGI application, for these settings or those of the environment.

    Called in the one replica that serves it. ``transport`` replaces the socket to the API; ``api`` is the address of an
    API that runs elsewhere.
    """
    settings = settings or get_settings()
    files = settings.tmp / "uploads"
    os.environ["GRADIO_TEMP_DIR"] = str(files)  # only for this app, and only its user can read it
    import gradio as gr
    from fastapi import FastAPI

    from serve_deployments.page.guard import PageGuard
    from ui.blocks import PAGE_OPTIONS, build
    from ui.kit.client import Client
    from ui.look import head

    head.put_in()
    page = build(Client(api or settings.api_url, transport), public_url=api)

    def end(session: str) -> None:
        """Drop a session; Gradio would keep it, about a megabyte, until it needs the space."""
        page.state_holder.session_data.pop(session, None)

    server = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, root_path=settings.air_root_path)
    server.add_middleware(PageGuard, settings=settings, folder=files, end=end)
    own_path = {"root_path": settings.air_root_path} if settings.air_root_path else {}
    return gr.mount_gradio_app(server, page, path="/", **own_path, **PAGE_OPTIONS)


@serve.deployment(
    name=UI_APP,
    num_replicas=1,
    max_ongoing_requests=1000,
    ray_actor_options={"num_cpus": 0.1, "resources": ON_HEAD},
)
@serve.ingress(build_page)
class Page:
    """The Gradio page; one replica, since a browser's session lives in its memory."""


page = Page.bind()


def start(settings: Settings) -> None:
    """Start everything and return when the models and the page answer. Raises CannotStart."""
    from serve_deployments import front
    from serve_deployments.versions.registry_actor import registry_actor

    left_behind = front.stop_orphans(settings)
    if left_behind:
        say(f"stopped {left_behind} process(es) that an earlier run left behind")
    check_machine(settings)
    front.prepare(settings)
    starting_page = front.StartingPage(settings.air_host, settings.air_port)
    try:
        say("starting Ray")
        _start_ray(settings)
        say("starting Serve and the models")
        proxies = threading.Thread(target=_start_serve, args=(settings,), daemon=True)
        proxies.start()
        _deploy_models()
        _wait_for(lambda: front.haproxy_serves(settings), "HAProxy has not opened the port")
    finally:
        starting_page.close()
    _wait_until_running(*specs.names())
    say("starting the control API and the page")
    _deploy_page()
    _wait_until_running(CONTROL_APP, UI_APP)
    proxies.join()
    registry_actor().follow_specs.remote()
    for url in (f"{settings.api_url}/readyz", settings.api_url.removesuffix("api")):
        _wait_for(lambda url=url: _answers(url), f"nothing answers at {url}")


def _start_ray(settings: Settings) -> None:
    from serve_deployments.versions.registry_actor import registry_actor
    from training.jobs.supervisor import supervisor
    from training.runs import ray_session

    ray_session.connect(settings, **ray_session.private_folder(settings))
    # Ray's own handlers would end the process on SIGTERM at once.
    stop_on_signals()
    registry_actor()
    supervisor()


def _start_serve(settings: Settings) -> None:
    """Start Serve's controller and proxies; returns when the proxies are up, so it runs in a thread."""
    # Errors do not matter here: on a busy machine the controller replaces a slow proxy, and Ctrl-C may stop
    # Ray at any time. ``start`` waits until the port answers.
    with suppress(Exception):
        serve.start(
            proxy_location="HeadOnly",
            # HAProxy itself opens the public port at AIR_HOST; only HAProxy uses a replica's port. In a cluster it
            # reaches the replicas of other nodes at this host.
            http_options={
                "host": settings.air_host if settings.ray_address else "127.0.0.1",
                "port": settings.air_port,
            },
            logging_config={"enable_access_log": False, "log_level": "WARNING"},
        )


def _deploy_models() -> None:
    """Deploy the models first: they answer while the page is still being built."""
    from serve_deployments.predict.deployment import application

    _wait_for(lambda: bool(serve.status().proxies), "Serve's controller has not started")
    _run({name: application(spec) for name, spec in specs.all_specs().items()})


def _deploy_page() -> None:
    from serve_deployments import control

    _run({CONTROL_APP: control.app, UI_APP: page})


def route(name: str) -> str:
    """The path prefix of an application; a model's has its name."""
    return ROUTES.get(name, f"/api/{name}")


def _run(applications: dict[str, serve.Application]) -> None:
    from serve_deployments.predict import deployment

    deployment.start(*(serve.RunTarget(application, name, route(name)) for name, application in applications.items()))


def _wait_until_running(*names: str) -> None:
    """Wait for applications and print each that is ready. Raises CannotStart when one cannot be deployed."""
    waiting = set(names)

    def all_running() -> bool:
        for name, application in serve.status().applications.items():
            if name in waiting and application.status == "RUNNING":
                waiting.discard(name)
                say(f"{name} is ready")
            if application.status == "DEPLOY_FAILED":
                reason = application.message.strip().splitlines()[-1] if application.message else "no reason given"
                raise CannotStart(f"{name} cannot be started: {reason}")
        return not waiting

    _wait_for(all_running, "not all parts are running")


def _wait_for(done: Callable[[], bool], complaint: str) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_S
    while not done():
        if STOP_REQUESTED.is_set():
            raise KeyboardInterrupt
        if time.monotonic() > deadline:
            raise CannotStart(f"After {READY_TIMEOUT_S:.0f} s {complaint}; the logs of Ray may say why.")
        time.sleep(0.1)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as reply:
            return reply.status == 200
    except (urllib.error.URLError, OSError):
        return False


def stop(settings: Settings) -> None:
    """Stop every process that ``start`` started."""
    import ray

    from serve_deployments import front

    if ray.is_initialized():
        if settings.ray_address:
            with suppress(Exception):
                serve.shutdown()
        # A local Ray stops Serve too, without the half minute that Serve drains its replicas. Processes that
        # were still starting are stopped below.
        with suppress(Exception):
            ray.shutdown()
    front.stop_orphans(settings)


def say(text: str) -> None:
    """Print a line with the seconds since the process began."""
    print(f"[{time.time() - BEGAN:5.1f} s] {text}", flush=True)


def main() -> int:
    """Run until Ctrl-C or SIGTERM; returns the exit status."""
    try:
        settings = get_settings()
        specs.check()
    except SettingsError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if sys.argv[1:2] == ["page"]:
        return run_page(settings, sys.argv[2:])
    from serve_deployments import front

    hand_on_token(settings)
    try:
        claim = front.claim(settings)
    except BlockingIOError:
        print(
            f"error: AIR Studio is already running on port {settings.air_port}. Open "
            f"http://localhost:{settings.air_port}, stop it, or choose another port: "
            f"AIR_PORT={settings.air_port + 100} make run",
            file=sys.stderr,
        )
        return 1
    except OSError as error:
        print(f"error: {settings.tmp} cannot be written: {error.strerror}. Set AIR_TMP elsewhere.", file=sys.stderr)
        return 1
    with claim:
        return run(settings)


def run(settings: Settings) -> int:
    """Start, wait for a signal, stop; returns the exit status."""
    from serve_deployments import front

    status = 0
    stop_on_signals()
    try:
        start(settings)
        host = "localhost" if settings.air_host == "127.0.0.1" else settings.air_host
        whose = ", for this machine and its users only" if settings.air_mode == "local" else ""
        say(f"AIR Studio is ready: http://{host}:{settings.air_port}{whose}   (Ctrl-C stops it)")
        with closing(front.StandIn(settings)):
            # Without a timeout, a signal that another thread receives would not wake this one.
            while not STOP_REQUESTED.wait(1):
                pass
    except KeyboardInterrupt:
        pass
    except CannotStart as error:
        print(f"error: {error}", file=sys.stderr)
        status = 1
    except Exception as error:
        # An interrupt during a call of Ray becomes an error of Ray.
        status = 0 if STOP_REQUESTED.is_set() else _complain(settings, error)
    say("stopping")
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    stop(settings)
    return status


def run_page(settings: Settings, arguments: list[str]) -> int:
    """Serve the page alone until interrupted; returns the exit status."""
    import uvicorn

    parser = argparse.ArgumentParser(prog="python -m ui", description="The user interface alone.")
    parser.add_argument("--api", default=settings.api_url, help="address of the API (default: %(default)s)")
    parser.add_argument("--port", type=int, default=settings.air_port + 10, help="port of the page (%(default)s)")
    options = parser.parse_args(arguments)
    # Its own folder of uploads: each page deletes the files that none of its visitors uses.
    folder = private_folder(private_folder(settings.tmp) / f"page-{options.port}")
    settings = settings.model_copy(update={"air_tmp": folder})
    uvicorn.run(build_page(settings, api=options.api), host=settings.air_host, port=options.port, log_level="warning")
    return 0


def _complain(settings: Settings, error: Exception) -> int:
    """Print one sentence about an unexpected error; returns the exit status."""
    reason = next((line for line in reversed(str(error).splitlines()) if line.strip()), type(error).__name__)
    logs = settings.tmp / "ray" / "session_latest" / "logs"
    print(f"error: AIR Studio could not be started: {reason.strip()} The logs are in {logs}.", file=sys.stderr)
    return 1


def stop_on_signals() -> None:
    """Make SIGINT, SIGTERM and SIGHUP set STOP_REQUESTED and raise KeyboardInterrupt in the main thread."""

    def interrupt(*_: object) -> None:
        STOP_REQUESTED.set()
        raise KeyboardInterrupt

    for number in STOP_SIGNALS:
        signal.signal(number, interrupt)


if __name__ == "__main__":
    sys.exit(main())
