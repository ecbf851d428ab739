"""The workload of a process and its description; figures of a replica."""

from __future__ import annotations

import pytest

from serve_deployments.cluster_view.ray_state import Process
from serve_deployments.cluster_view.workloads import Role, role
from serve_deployments.http.metrics import ReplicaMetrics
from training.jobs.store import Job

RUNNER = "/usr/bin/python -m training.jobs.runner /home/air/jobs/20261125-120000-abcdef"
COMMANDS = {
    "01": "python app.py",
    "02": RUNNER,
    "03": "python -m training.tuning breast-cancer",
    "04": "python -m training.batch_predict cifar10",
    "05": "/usr/bin/python -m examples.stateful_actors",
    "06": "python -m examples.tuner",
}
EXAMPLE = Job(
    id="20261125-120500-abcdef",
    kind="example",
    model="",
    config={"name": "stateful_actors"},
    created="2026-11-25T12:05:00",
)
TRAINING = Job(id="20261125-120000-abcdef", kind="train", model="cifar10", config={}, created="2026-11-25T12:00:00")


def _role(kind: str, name: str, owner: str) -> Role:
    return role(Process(7, "node", kind, name, owner, "alive"), COMMANDS, [TRAINING, EXAMPLE])


@pytest.mark.parametrize(
    ("kind", "name", "owner", "workload", "model"),
    [
        ("actor", "ServeReplica:cifar10:cifar10", "01", "serving", "cifar10"),
        ("actor", "ServeReplica:breast-cancer:breast-cancer-versions", "01", "serving", "breast-cancer"),
        ("actor", "ServeReplica:ui:ui", "01", "serving", None),
        ("actor", "ServeController", "01", "serving", None),
        ("actor", "RegistryActor", "01", "own", None),
        ("driver", "python app.py", "01", "own", None),
        ("driver", RUNNER, "02", "training", "cifar10"),
        ("actor", "RayTrainWorker", "02", "training", "cifar10"),
        ("actor", "LocalRayTrainWorker", "02", "training", "cifar10"),
        ("task", "MapBatches(decode_batch)", "02", "data", "cifar10"),
        ("actor", "_StatsActor", "02", "own", None),
        ("driver", "python -m training.tuning breast-cancer", "03", "tuning", "breast-cancer"),
        ("actor", "ImplicitFunc", "03", "tuning", "breast-cancer"),
        ("task", "ReadCSV", "03", "tuning", "breast-cancer"),
        ("task", "ReadImage->SplitBlocks(4)", "04", "data", "cifar10"),
        ("actor", "MapWorker(MapBatches(PicturePredictor))", "04", "training", "cifar10"),
    ],
)
def test_each_process_has_its_kind_of_workload(
    kind: str, name: str, owner: str, workload: str, model: str | None
) -> None:
    found = _role(kind, name, owner)
    assert (found.workload, found.model) == (workload, model)
    assert found.job == (TRAINING.id if owner == "02" and workload != "own" else None)


@pytest.mark.parametrize(
    ("kind", "name", "owner", "workload", "does"),
    [
        ("driver", "python", "05", "data", "runs a program of the chapter"),
        ("task", "square", "05", "data", "task: square"),
        ("actor", "Counter", "05", "training", "actor: Counter"),
        ("actor", "_StatsActor", "05", "own", "one of Ray's own helpers"),
        ("actor", "SplitCoordinator", "05", "own", "one of Ray's own helpers"),
        ("actor", "ActorLocationTracker", "05", "own", "one of Ray's own helpers"),
        ("actor", "ImplicitFunc", "06", "tuning", "runs a trial"),
    ],
)
def test_processes_of_a_program_of_the_chapter(kind: str, name: str, owner: str, workload: str, does: str) -> None:
    found = _role(kind, name, owner)
    assert (found.workload, found.does, found.model) == (workload, does, None)
    assert found.job == (EXAMPLE.id if owner == "05" and workload != "own" else None)


def test_words_are_for_people() -> None:
    assert _role("actor", "ServeReplica:cifar10:cifar10", "01").does == "replica of cifar10: answers predictions"
    assert _role("task", "ReadImage->SplitBlocks(4)", "04").does == "task: ReadImage …"
    assert _role("actor", "Board", "02").does == "records the progress of a training"


def test_totals_of_a_replica_count_refusals_and_split_the_latencies() -> None:
    metrics = ReplicaMetrics("cifar10")
    assert metrics.totals() == {"requests": 0, "refused": 0, "p50_ms": None, "p99_ms": None}
    for _ in range(98):
        metrics.request("1", 200, 0.003)
    metrics.request("2", 200, 0.3)
    metrics.request("", 422, 0.3)
    totals = metrics.totals()
    assert (totals["requests"], totals["refused"]) == (100, 1)
    assert 2 < totals["p50_ms"] <= 5
    assert 200 < totals["p99_ms"] <= 500
