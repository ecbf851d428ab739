"""What is running in Ray now, read from its GCS and raylets directly.

Ray's State API needs the dashboard, which a local Ray runs without. This module queries the dashboard's own sources
with the cluster's token, which takes about ten milliseconds.
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import grpc
import psutil
import ray
from ray._private import state as ray_tables
from ray._private.grpc_utils import init_grpc_channel
from ray.core.generated import (
    common_pb2,
    gcs_pb2,
    gcs_service_pb2,
    gcs_service_pb2_grpc,
    node_manager_pb2,
    node_manager_pb2_grpc,
)
from ray.util import placement_group_table
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

GCS_S = 5.0
# A raylet answers after all its workers have; one that hangs must not delay the rest.
RAYLET_S = 1.5
MAX_TASKS = 10_000
HEAD = "node:__internal_head__"
TASK_WORDS = {
    common_pb2.RUNNING: "running",
    common_pb2.RUNNING_IN_RAY_GET: "running",
    common_pb2.RUNNING_IN_RAY_WAIT: "running",
    common_pb2.FINISHED: "finished",
    common_pb2.FAILED: "failed",
}
ACTOR_WORDS = {
    gcs_pb2.ActorTableData.DEPENDENCIES_UNREADY: "starting",
    gcs_pb2.ActorTableData.PENDING_CREATION: "starting",
    gcs_pb2.ActorTableData.ALIVE: "alive",
    gcs_pb2.ActorTableData.RESTARTING: "restarting",
    gcs_pb2.ActorTableData.DEAD: "dead",
}


@dataclass(frozen=True)
class ObjectStore:
    """Bytes of a node's object store; ``spilled`` and ``restored`` since it started."""

    total: int
    used: int
    spilled: int
    restored: int


@dataclass(frozen=True)
class Node:
    """A machine of the cluster; ``cpus`` are Ray's logical ones. ``store`` is None while its raylet does not answer."""

    id: str
    address: str
    host: str
    head: bool
    cpus: float
    cpus_used: float
    store: ObjectStore | None


@dataclass(frozen=True)
class Process:
    """A process that works for Ray: an actor, one that runs a task, or the driver of a job.

    ``name`` is the actor's class, the task's function or the driver's command; ``owner`` the id of Ray's job.
    """

    pid: int
    node: str
    kind: str
    name: str
    owner: str
    state: str
    actor: str = ""


@dataclass(frozen=True)
class Placement:
    """A placement group: the resources of each bundle, and its node."""

    id: str
    strategy: str
    state: str
    bundles: list[tuple[str, dict[str, float]]]


@dataclass(frozen=True)
class State:
    """The cluster at one moment. ``tasks`` counts those of running drivers, without actor calls.

    ``here`` is the id of the node that took this snapshot.
    """

    here: str
    nodes: list[Node]
    processes: list[Process]
    commands: dict[str, str]
    actors: dict[str, int]
    tasks: dict[str, int]
    placements: list[Placement] = field(default_factory=list)


def look() -> State:
    """The cluster as it is now. Raises grpc.RpcError when the GCS does not answer."""
    nodes = [node for node in ray.nodes() if node["Alive"]]
    drivers = [job for job in ray_tables.jobs() if not job["IsDead"]]
    by_address = {node["NodeManagerAddress"]: node["NodeID"] for node in nodes}
    actors = _actors()
    own = ray.get_runtime_context().get_job_id()
    tasks = [task for job in drivers if job["JobID"] != own for task in _tasks(job["JobID"])]
    return State(
        here=ray.get_runtime_context().get_node_id(),
        nodes=_nodes(nodes),
        processes=[
            *(_driver(job, by_address) for job in drivers),
            *(_actor(actor) for actor in actors if actor.state == gcs_pb2.ActorTableData.ALIVE),
            *_running(tasks),
        ],
        commands={job["JobID"]: job["Entrypoint"] for job in drivers},
        actors=_counted(ACTOR_WORDS[actor.state] for actor in actors),
        tasks=_counted(_state_of(task) for task in tasks),
        placements=[_placement(group) for group in placement_group_table().values() if group["state"] != "REMOVED"],
    )


def processes_of(*class_names: str) -> list[Process]:
    """The processes of living actors of these classes."""
    return [
        _actor(actor)
        for actor in _actors()
        if actor.class_name in class_names and actor.state == gcs_pb2.ActorTableData.ALIVE
    ]


def is_driven(owner: str) -> bool:
    """Whether the driver of one of Ray's jobs is running."""
    return any(job["JobID"] == owner and not job["IsDead"] for job in ray_tables.jobs())


async def kill(process: Process) -> None:
    """Kill a process, on its own node. Raises RayError, psutil.Error when it does not exist."""
    there = NodeAffinitySchedulingStrategy(process.node, soft=False)
    await _kill_here.options(scheduling_strategy=there).remote(process.pid, process.name)


@ray.remote(num_cpus=0, max_retries=0)
def _kill_here(pid: int, class_name: str) -> None:
    process = psutil.Process(pid)
    # Another program may have got this pid since.
    if not process.cmdline()[0].startswith(f"ray::{class_name}"):
        raise psutil.NoSuchProcess(pid)
    process.kill()


@lru_cache(maxsize=64)
def _channel(address: str) -> grpc.Channel:
    return init_grpc_channel(address)


def _gcs() -> grpc.Channel:
    return _channel(ray.get_runtime_context().gcs_address)


def _actors() -> list[Any]:
    service = gcs_service_pb2_grpc.ActorInfoGcsServiceStub(_gcs())
    return list(service.GetAllActorInfo(gcs_service_pb2.GetAllActorInfoRequest(), timeout=GCS_S).actor_table_data)


def _tasks(owner: str) -> list[Any]:
    """Tasks that a driver and its actors have submitted, as far as Ray remembers them; without actor calls."""
    request = gcs_service_pb2.GetTaskEventsRequest(limit=MAX_TASKS)
    request.filters.exclude_driver = True
    wanted = request.filters.job_filters.add()
    wanted.predicate, wanted.job_id = gcs_service_pb2.EQUAL, bytes.fromhex(owner)
    service = gcs_service_pb2_grpc.TaskInfoGcsServiceStub(_gcs())
    events = service.GetTaskEvents(request, timeout=GCS_S).events_by_task
    return [event for event in events if event.task_info.type == common_pb2.NORMAL_TASK]


def _state_of(task: Any) -> str:
    return TASK_WORDS.get(max(task.state_updates.state_ts_ns, default=0), "waiting")


def _nodes(alive: list[dict[str, Any]]) -> list[Node]:
    available = ray_tables.available_resources_per_node()
    with ThreadPoolExecutor(max(1, len(alive))) as pool:
        stores = pool.map(_store, alive)
    return [
        Node(
            id=node["NodeID"],
            address=node["NodeManagerAddress"],
            host=node["NodeManagerHostname"],
            head=HEAD in node["Resources"],
            cpus=node["Resources"].get("CPU", 0),
            cpus_used=node["Resources"].get("CPU", 0) - available.get(node["NodeID"], {}).get("CPU", 0),
            store=store,
        )
        for node, store in zip(alive, stores, strict=True)
    ]


def _store(node: dict[str, Any]) -> ObjectStore | None:
    channel = _channel(f"{node['NodeManagerAddress']}:{node['NodeManagerPort']}")
    request = node_manager_pb2.GetNodeStatsRequest(include_memory_info=False)
    try:
        stub = node_manager_pb2_grpc.NodeManagerServiceStub(channel)
        stats = stub.GetNodeStats(request, timeout=RAYLET_S).store_stats
    except grpc.RpcError:
        return None
    return ObjectStore(
        total=stats.object_store_bytes_avail,
        used=stats.object_store_bytes_used,
        spilled=stats.spilled_bytes_total,
        restored=stats.restored_bytes_total,
    )


def _driver(job: dict[str, Any], by_address: dict[str, str]) -> Process:
    node = by_address.get(job["DriverIPAddress"], "")
    return Process(job["DriverPid"], node, "driver", job["Entrypoint"], job["JobID"], "alive")


def _actor(actor: Any) -> Process:
    return Process(
        pid=actor.pid,
        node=actor.node_id.hex(),
        kind="actor",
        name=actor.class_name,
        owner=actor.job_id.hex(),
        state=ACTOR_WORDS[actor.state],
        actor=actor.actor_id.hex(),
    )


def _running(tasks: list[Any]) -> list[Process]:
    """The processes that are running a task, each once, however many tasks it has."""
    found = {
        (task.state_updates.node_id, task.state_updates.worker_pid): Process(
            pid=task.state_updates.worker_pid,
            node=task.state_updates.node_id.hex(),
            kind="task",
            name=task.task_info.name or task.task_info.func_or_class_name,
            owner=task.job_id.hex(),
            state="running",
        )
        for task in tasks
        if _state_of(task) == "running" and task.state_updates.worker_pid
    }
    return list(found.values())


def _placement(group: dict[str, Any]) -> Placement:
    nodes = group["bundles_to_node_id"]
    bundles = [(nodes[number], dict(resources)) for number, resources in group["bundles"].items()]
    return Placement(group["placement_group_id"], group["strategy"], group["state"].lower(), bundles)


def _counted(words: Any) -> dict[str, int]:
    return dict(sorted(Counter(words).items()))
