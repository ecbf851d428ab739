"""The shapes of what the cluster's routes take and answer; the others are in ``schemas``."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from serve_deployments.cluster_view.workloads import Workload
from serve_deployments.schemas.base import Reply
from training.jobs.store import Kind, State

Victim = Literal["replica", "training_worker"]


class Memory(Reply):
    """Bytes."""

    total: int
    used: int


class Store(Memory):
    """A node's object store, in bytes; spilled to disk and restored from there since it started."""

    spilled: int
    restored: int


class Node(Reply):
    """A machine of the cluster."""

    node: str
    address: str
    host: str
    head: bool
    cpus: float = Field(description="Ray's logical CPUs, by which it places work")
    cpus_used: float = Field(description="what is placed there asks for so many of them")
    busy: float | None = Field(description="share of the real cores that is busy, of the node that answers this")
    memory: Memory | None = Field(description="real memory, of the node that answers this")
    object_store: Store | None = Field(description="null while the node does not say")


class Process(Reply):
    """A process that works now."""

    pid: int
    node: str
    workload: Workload = Field(
        description="data (stateless tasks), training (stateful actors), tuning (both together), serving (online), "
        "own (what AIR Studio and Ray need for themselves)"
    )
    does: str = Field(examples=["replica of cifar10: answers predictions"])
    kind: str = Field(description="actor, task or driver")
    name: str = Field(description="class of the actor, function of the task, command of the driver")
    model: str | None
    job: str | None
    killable: Literal["replica", "training_worker"] | None = Field(
        None, description="the kind by which /cluster/kill kills it"
    )


class Bundle(Reply):
    """Resources held on one node."""

    node: str
    resources: dict[str, float]


class Placement(Reply):
    """Resources that Ray holds together for the workers of a training."""

    id: str
    strategy: str = Field(examples=["PACK"])
    state: str
    bundles: list[Bundle]


class Replica(Reply):
    """A replica of a model, and what it has answered since it started."""

    replica: str
    model: str
    version: str
    pid: int
    node: str
    requests: int
    refused: int = Field(description="of these, answered with a status of 400 or more")
    p50_ms: float | None = Field(description="half of the answers took no longer; null before the first")
    p99_ms: float | None
    ongoing: int = Field(description="requests being answered")
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
    actors: dict[str, int] = Field(description="how many are starting, alive, restarting, dead")
    tasks: dict[str, int] = Field(description="of what runs now: how many are waiting, running, finished, failed")
    placements: list[Placement]
    replicas: list[Replica]
    queue: list[QueuedJob]


class KillRequest(BaseModel):
    """``POST /cluster/kill``."""

    model_config = ConfigDict(extra="forbid")

    kind: Victim
    pid: int | None = Field(None, ge=1, description="which one; without it, one is chosen")


class Killed(Reply):
    """What was killed, and what stands in its place."""

    kind: Victim
    pid: int
    node: str
    replaced_by: int | None = Field(description="pid of the new process; null when its training ended meanwhile")
    seconds: float | None = Field(description="from the kill until the new process works")
