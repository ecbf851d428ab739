"""The requests and replies of the cluster's routes."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from serve_deployments.cluster_view.workloads import Workload
from serve_deployments.schemas.base import Reply
from training.jobs.store import Kind, State

Victim = Literal["replica", "training_worker"]


class Memory(Reply):
    """Memory in bytes."""

    total: int
    used: int


class Store(Memory):
    """A node's object store, in bytes; ``spilled`` to disk and ``restored`` from it since the node started."""

    spilled: int
    restored: int


class Node(Reply):
    """A machine of the cluster."""

    node: str
    address: str
    host: str
    head: bool
    cpus: float = Field(description="Ray's logical CPUs, which decide where it places work")
    cpus_used: float = Field(description="logical CPUs that the work placed there reserves")
    busy: float | None = Field(description="share of the physical cores that is busy; only of the node that answers")
    memory: Memory | None = Field(description="physical memory; only of the node that answers")
    object_store: Store | None = Field(description="null while the node does not report it")


class Process(Reply):
    """A process that is at work."""

    pid: int
    node: str
    workload: Workload = Field(
        description="data (stateless tasks), training (stateful actors), tuning (both together), serving (online), "
        "own (AIR Studio's and Ray's own processes)"
    )
    does: str = Field(examples=["leads the training"])
    kind: str = Field(description="actor, task or driver")
    name: str = Field(description="class of the actor, function of the task, command of the driver")
    model: str | None
    job: str | None
    killable: Literal["replica", "training_worker"] | None = Field(
        None, description="the `kind` with which /cluster/kill kills it"
    )


class Bundle(Reply):
    """Resources held on one node."""

    node: str
    resources: dict[str, float]


class Placement(Reply):
    """A placement group: resources that Ray reserves together for the workers of a training."""

    id: str
    strategy: str = Field(examples=["PACK"])
    state: str
    bundles: list[Bundle]


class Replica(Reply):
    """A replica of a model, and its figures since it started."""

    replica: str
    model: str
    version: str
    pid: int
    node: str
    requests: int
    refused: int = Field(description="requests with a status of 400 or more")
    p50_ms: float | None = Field(description="median latency; null before the first answer")
    p99_ms: float | None
    ongoing: int = Field(description="requests in progress")
    waiting: int = Field(description="pictures or rows that wait for the model")


class QueuedJob(Reply):
    """A job that runs or waits."""

    id: str
    kind: Kind
    model: str
    state: State
    position: int | None


class Cluster(Reply):
    """``GET /cluster``: the cluster at one moment."""

    nodes: list[Node]
    processes: list[Process]
    actors: dict[str, int] = Field(description="how many are starting, alive, restarting or dead")
    tasks: dict[str, int] = Field(
        description="how many of the current programs' tasks are waiting, running, finished or failed"
    )
    placements: list[Placement]
    replicas: list[Replica]
    queue: list[QueuedJob]


class KillRequest(BaseModel):
    """``POST /cluster/kill``."""

    model_config = ConfigDict(extra="forbid")

    kind: Victim
    pid: int | None = Field(None, ge=1, description="pid of the process; default: any of the kind")


class Killed(Reply):
    """The process that was killed, and its replacement."""

    kind: Victim
    pid: int
    node: str
    replaced_by: int | None = Field(description="pid of the new process; null if its training ended first")
    seconds: float | None = Field(description="from the kill until the new process is at work")
