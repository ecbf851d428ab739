"""The processes of a running app, for a studio's Ray state."""

from __future__ import annotations

from itertools import count

from serve_deployments.cluster_view.ray_state import Process
from serve_deployments.cluster_view.workloads import replica_class
from serve_deployments.predict.app import ModelApp
from tests.helpers.in_process.studio import HERE, Studio

APP, PYTHON_APP = "01", "python app.py"
OTHERS = (
    "ServeController",
    "HAProxyManager",
    "ProxyActor",
    "ServeReplica:control:control",
    "ServeReplica:ui:ui",
    "RegistryActor",
    "JobSupervisor",
)
_pids = count(1001)


def at_rest(studio: Studio) -> None:
    """The processes of an app without a job."""
    replicas = [replica_process(app) for apps in studio.replicas.apps.values() for app in apps]
    driver = Process(next(_pids), HERE, "driver", PYTHON_APP, APP, "alive")
    studio.ray.processes = [driver, *map(actor, OTHERS), *replicas]
    studio.ray.commands = {APP: PYTHON_APP}


def actor(name: str, owner: str = APP) -> Process:
    """A new process of an actor."""
    pid = next(_pids)
    return Process(pid, HERE, "actor", name, owner, "alive", f"{pid:x}")


def replica_process(app: ModelApp) -> Process:
    """A new process for a replica, which reports it from now on."""
    process, figures = actor(replica_class(app.name)), type(app).figures
    app.figures = lambda: figures(app) | {"pid": process.pid}  # type: ignore[method-assign]
    return process
