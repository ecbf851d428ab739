"""Routes about the cluster: its nodes and processes now, and killing a process."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import asdict
from typing import Annotated, Literal

import grpc
import psutil
from fastapi import APIRouter, Depends, Request
from ray.exceptions import RayError

from models import specs
from serve_deployments.cluster_view import ray_state
from serve_deployments.cluster_view.workloads import TRAINING_WORKERS, replica_class, role
from serve_deployments.http.errors import Conflict, NotFound, Unavailable
from serve_deployments.parts import services as parts
from serve_deployments.parts.recent import Recent
from serve_deployments.parts.remote import GONE
from serve_deployments.parts.services import AllReplicas, Jobs
from serve_deployments.routes import json_bodies
from serve_deployments.routes.json_bodies import JsonRoute
from serve_deployments.schemas import cluster as cluster_schemas
from serve_deployments.schemas.base import ErrorReply
from serve_deployments.schemas.cluster import Cluster, Killed, KillRequest
from training.jobs.store import Job

log = logging.getLogger("ray.serve")
FRESH_S = 0.8
RECOVERY_S = 100.0
LOOK_S = 0.2
RUNNING = ("running", "stopping")
NO_TRAINING = (
    "No training with separate workers is running. Start one, of images or of a table with 2 workers, and try again."
)
CHANGE_ERRORS = json_bodies.ERRORS | {status: {"model": ErrorReply} for status in (401, 409, 503)}

router = APIRouter(prefix="/cluster", route_class=JsonRoute, tags=["cluster"])


async def _looks(request: Request) -> Recent[Cluster]:
    return request.app.state.looks


@router.get("", responses={503: {"model": ErrorReply}})
async def cluster(
    looks: Annotated[Recent[Cluster], Depends(_looks)], ray: parts.Cluster, queue: Jobs, all_replicas: AllReplicas
) -> Cluster:
    """Nodes, processes, replicas and jobs as they are now; at most a second old."""
    return await looks.get(lambda: _look(ray, queue, all_replicas), FRESH_S)


@router.post("/kill", responses=CHANGE_ERRORS)
async def kill(wanted: KillRequest, ray: parts.Cluster, all_replicas: AllReplicas) -> Killed:
    """Kill a process, as a crash would, and return when another has replaced it, with the seconds that took.

    A replica's requests go to the other replicas meanwhile; a training resumes from its last checkpoint. 404 when
    no process of that kind has the pid, 409 when none of that kind runs.
    """
    if wanted.kind == "replica":
        return await _kill_replica(ray, all_replicas, wanted.pid)
    return await _kill_training_worker(ray, wanted.pid)


async def _look(ray: parts.Cluster, queue: Jobs, all_replicas: AllReplicas) -> Cluster:
    state, jobs, *figures = await asyncio.gather(
        _state(ray),
        queue.jobs(),
        *(all_replicas.ask_all(model, "figures") for model in specs.names()),
        return_exceptions=True,
    )
    if isinstance(state, BaseException):
        raise state
    # The job service or a model may be unavailable for a moment: the rest can still be shown.
    jobs = [] if isinstance(jobs, BaseException) else jobs
    running = [job for job in jobs if job.state in RUNNING]
    answered = [replica for answers in figures if not isinstance(answers, BaseException) for replica in answers]
    return Cluster(
        nodes=[_node(node, here=node.id == state.here) for node in state.nodes],
        processes=[_process(process, state, running) for process in state.processes],
        actors=state.actors,
        tasks=state.tasks,
        placements=[_placement(placement) for placement in state.placements],
        replicas=[cluster_schemas.Replica(**replica) for replica in answered],
        queue=[
            cluster_schemas.QueuedJob(**job.model_dump(include={"id", "kind", "model", "state", "position"}))
            for job in jobs
            if job.state in (*RUNNING, "queued")
        ],
    )


async def _state(ray: parts.Cluster) -> ray_state.State:
    try:
        return await asyncio.to_thread(ray.look)
    except grpc.RpcError as error:
        raise Unavailable("Ray is not responding; try again.") from error


def _node(node: ray_state.Node, here: bool) -> cluster_schemas.Node:
    memory = psutil.virtual_memory()
    return cluster_schemas.Node(
        node=node.id,
        address=node.address,
        host=node.host,
        head=node.head,
        cpus=node.cpus,
        cpus_used=round(node.cpus_used, 3),
        busy=psutil.cpu_percent() / 100 if here else None,
        memory=cluster_schemas.Memory(total=memory.total, used=memory.total - memory.available) if here else None,
        object_store=cluster_schemas.Store(**asdict(node.store)) if node.store else None,
    )


def _process(process: ray_state.Process, state: ray_state.State, running: list[Job]) -> cluster_schemas.Process:
    return cluster_schemas.Process(
        pid=process.pid,
        node=process.node,
        kind=process.kind,
        name=process.name,
        killable=_killable(process),
        **asdict(role(process, state.commands, running)),
    )


def _killable(process: ray_state.Process) -> Literal["replica", "training_worker"] | None:
    if process.name in TRAINING_WORKERS:
        return "training_worker"
    return "replica" if process.name in map(replica_class, specs.names()) else None


def _placement(placement: ray_state.Placement) -> cluster_schemas.Placement:
    return cluster_schemas.Placement(
        id=placement.id,
        strategy=placement.strategy,
        state=placement.state,
        bundles=[cluster_schemas.Bundle(node=node, resources=resources) for node, resources in placement.bundles],
    )


async def _kill_replica(ray: parts.Cluster, all_replicas: AllReplicas, pid: int | None) -> Killed:
    """Kill a replica; without ``pid``, one of the model with the most replicas, so that others answer meanwhile."""
    by_model = {model: await _processes(ray, replica_class(model)) for model in specs.names()}
    most_first = sorted(by_model.values(), key=len, reverse=True)
    victim = _chosen([replica for replicas_of in most_first for replica in replicas_of], pid, "replica")
    model, known = next((name, {one.pid for one in found}) for name, found in by_model.items() if victim in found)
    began = await _kill(ray, victim)
    while True:
        answering = await _answering(all_replicas, model)
        new = [one for one in answering if one not in known]
        if new and len(answering) >= len(known):
            return _killed("replica", victim, new[0], began)
        await _wait(began, victim)


async def _kill_training_worker(ray: parts.Cluster, pid: int | None) -> Killed:
    workers = await _processes(ray, *TRAINING_WORKERS)
    if not workers:
        raise Conflict(NO_TRAINING)
    victim = _chosen(workers, pid, "training worker")
    began = await _kill(ray, victim)
    known = {one.actor for one in workers}
    lost = sum(one.owner == victim.owner for one in workers)
    while True:
        # When one worker of a training is gone, Ray Train restarts all of them.
        found = await _processes(ray, *TRAINING_WORKERS)
        new = [one.pid for one in found if one.owner == victim.owner and one.actor not in known]
        if len(new) >= lost:
            return _killed("training_worker", victim, new[0], began)
        if not await asyncio.to_thread(ray.is_driven, victim.owner):
            return _killed("training_worker", victim, None, began)
        await _wait(began, victim)


async def _processes(ray: parts.Cluster, *class_names: str) -> list[ray_state.Process]:
    found = await asyncio.to_thread(ray.processes_of, *class_names)
    return sorted(found, key=lambda process: process.pid)


def _chosen(found: list[ray_state.Process], pid: int | None, what: str) -> ray_state.Process:
    """The process with this pid, or the first. Raises NotFound, Conflict."""
    if pid is None and not found:
        raise Conflict(f"No {what} is running.")
    chosen = next((process for process in found if pid in (None, process.pid)), None)
    if chosen is None:
        raise NotFound(f"No {what} has the pid {pid}; there are {', '.join(str(one.pid) for one in found) or 'none'}.")
    return chosen


async def _answering(all_replicas: AllReplicas, model: str) -> list[int]:
    """Pids of the replicas of a model that answer; none while one of them is gone."""
    try:
        return [replica["pid"] for replica in await all_replicas.ask_all(model, "figures")]
    except GONE:
        return []


async def _kill(ray: parts.Cluster, victim: ray_state.Process) -> float:
    """Kill a process; returns the time by this machine's clock. Raises Unavailable."""
    try:
        await ray.kill(victim)
    except (RayError, psutil.Error) as error:
        raise Unavailable(f"Process {victim.pid} could not be killed; refresh and try again.") from error
    log.warning("killed %s, pid %s, on request", victim.name, victim.pid)
    return time.monotonic()


async def _wait(began: float, victim: ray_state.Process) -> None:
    if time.monotonic() - began > RECOVERY_S:
        raise Unavailable(f"Process {victim.pid} was killed, but not replaced within {RECOVERY_S:.0f} s.")
    await asyncio.sleep(LOOK_S)


def _killed(kind: cluster_schemas.Victim, victim: ray_state.Process, new: int | None, began: float) -> Killed:
    return Killed(
        kind=kind,
        pid=victim.pid,
        node=victim.node,
        replaced_by=new,
        seconds=None if new is None else round(time.monotonic() - began, 1),
    )
