"""Which of Ray's four kinds of workload a process belongs to, and what it does in words.

data      stateless tasks: a function runs, its result goes to the object store, the process keeps nothing
training  stateful actors: a process that keeps what it has learnt, or the model that it predicts with
tuning    both: each trial is an actor, its data come from tasks
serving   online: actors that wait for requests
own       processes that AIR Studio and Ray need for themselves
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

from models import specs
from serve_deployments.cluster_view.ray_state import Process
from training.jobs.store import EXAMPLE, Job

Workload = Literal["data", "training", "tuning", "serving", "own"]

REPLICA = "ServeReplica"
# Class names of a training's workers: of several, and of a single one (``training.runs.lone_worker``).
TRAINING_WORKERS = ("RayTrainWorker", "LocalRayTrainWorker")
# Of a driver that was started in a terminal, by the module that it runs.
KINDS = {"training.tuning": "tune", "training.batch_predict": "batch_predict", "training": "train"}
SERVING = {
    "ServeController": "keeps the configured number of replicas running",
    "HAProxyManager": "runs HAProxy, the public port",
    "ProxyActor": "second entrance, behind HAProxy",
}
TRIAL = "ImplicitFunc"
WORKING = {
    **dict.fromkeys(TRAINING_WORKERS, "training worker: learns from its share of the data"),
    "TrainController": "leads the training workers",
    TRIAL: "runs a trial",
}
OWN = {
    "RegistryActor": "manages the versions",
    "JobSupervisor": "manages the queue of jobs",
    "Board": "records the progress of a training",
}
HELPER = "one of Ray's own helpers"
# Actors that Ray starts for itself, beside those whose name begins with an underscore.
HELPERS = {
    "ActorLocationTracker",
    "DatasetManager",
    "PlacementGroupCleaner",
    "SplitCoordinator",
    "SynchronizationActor",
}
LEADING = {
    "train": "leads the training",
    "tune": "leads the search",
    "batch_predict": "leads the batch prediction",
    EXAMPLE: "runs a program of the chapter",
}
# The package of the chapter's programs; a driver runs one of its modules.
PROGRAMS = "examples."


@dataclass(frozen=True)
class Role:
    """The workload of a process, what it does, and its model and job, if any."""

    workload: Workload
    does: str
    model: str | None = None
    job: str | None = None


def role(process: Process, commands: dict[str, str], jobs: list[Job]) -> Role:
    """The role of a process; ``commands`` maps Ray's jobs to their drivers' command lines, ``jobs`` are running."""
    kind, model, job = _job_of(commands.get(process.owner, ""), jobs)
    if process.name.startswith(f"{REPLICA}:"):
        return _replica(process.name)
    if process.name in SERVING:
        return Role("serving", SERVING[process.name])
    if kind is None or _is_bookkeeping(process, kind):
        return Role("own", OWN.get(process.name, "started AIR Studio" if process.kind == "driver" else HELPER))
    return Role(_workload(process, kind), _does(process, kind), model, job)


def replica_class(model: str) -> str:
    """Ray's name for the class of a model's replicas."""
    return f"{REPLICA}:{model}:{model}"


def _replica(name: str) -> Role:
    _, app, deployment = name.split(":", 2)
    if app not in specs.names():
        return Role("serving", {"ui": "shows this page", "control": "answers about models and jobs"}.get(app, app))
    if deployment == app:
        return Role("serving", f"replica of {app}: answers predictions", app)
    return Role("serving", f"answers for other versions of {app}", app)


def _job_of(command: str, jobs: list[Job]) -> tuple[str | None, str | None, str | None]:
    """Kind, model and id of the job of a driver's command line."""
    words = command.split()
    found = next((job for job in jobs if words and PurePath(words[-1]).name == job.id), None)
    if found is not None:
        return found.kind, found.model, found.id
    program = next((word for word in words if word.startswith(PROGRAMS)), None)
    if program is not None:
        ours = (job for job in jobs if job.kind == EXAMPLE and program == f"{PROGRAMS}{job.config['name']}")
        return EXAMPLE, None, next((job.id for job in ours), None)
    # The shipped models have modules of their own that train them, such as ``training.breast_cancer``.
    trainers = {f"training.{spec.module}": name for name, spec in specs.all_specs().items()}
    trained = next((trainers[word] for word in words if word in trainers), None)
    if trained is not None:
        return "train", trained, None
    kind = next((KINDS[word] for word in words if word in KINDS), None)
    return kind, next((word for word in words if word in specs.names()), None), None


def _is_bookkeeping(process: Process, kind: str) -> bool:
    works = process.name in WORKING or process.name.startswith("MapWorker(")
    if kind == EXAMPLE and not process.name.startswith("_") and process.name not in HELPERS:
        works = True  # an actor of the program's own
    return process.kind == "actor" and not works


def _workload(process: Process, kind: str) -> Workload:
    if kind == "tune":
        return "tuning"
    if kind == EXAMPLE and process.name == TRIAL:
        return "tuning"
    leads_data = process.kind == "driver" and kind in ("batch_predict", EXAMPLE)
    return "data" if process.kind == "task" or leads_data else "training"


def _does(process: Process, kind: str) -> str:
    if process.kind == "driver":
        return LEADING[kind]
    if process.kind == "task":
        function = re.sub(r"->.*", " …", process.name.strip("_"))
        return f"task: {function[:60]}"
    if process.name.startswith("MapWorker("):
        return "batch worker: holds the model and answers batch after batch"
    return WORKING.get(process.name, f"actor: {process.name[:60]}")
