"""The cluster in words and boxes: the processes and their work, the machines, the replicas, what waits."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from ui.kit.templates import macro, render
from ui.kit.words import listed

REPLICA, WORKER = "replica", "training_worker"
ACTOR_STATES = {"starting": "starting", "alive": "alive", "restarting": "starting again", "dead": "ended"}
NAMES = {REPLICA: "replica", WORKER: "training worker"}
MEANWHILE = {
    REPLICA: "The other replicas answered meanwhile.",
    WORKER: "The training resumes from its last checkpoint.",
}
Cluster = dict[str, Any]


def workloads(cluster: Cluster, new: set[int]) -> Markup:
    """The four kinds of workload with the processes that do them now; those of ``new`` are marked."""
    found = {kind: _processes(cluster, kind) for kind in ("data", "training", "tuning", "serving")}
    return render("cluster/workloads.html", found=found, hosts=_hosts(cluster), new=new)


def own(cluster: Cluster, new: set[int]) -> Markup:
    """What AIR Studio and Ray need for themselves."""
    return macro("cluster/processes.html", "own", _processes(cluster, "own"), _hosts(cluster), new)


def _processes(cluster: Cluster, workload: str) -> list[dict[str, Any]]:
    return sorted(
        (process for process in cluster["processes"] if process["workload"] == workload),
        key=lambda process: (process["kind"], process["model"] is None, process["does"], process["pid"]),
    )


def _hosts(cluster: Cluster) -> dict[str, str]:
    """A short name of each node; none where there is only one."""
    nodes = cluster["nodes"]
    return {node["node"]: node["address"] for node in nodes} if len(nodes) > 1 else {}


def machines(cluster: Cluster) -> Markup:
    """Each machine with its CPU slots, memory and object store."""
    return render("cluster/machines.html", nodes=cluster["nodes"])


def replicas(cluster: Cluster) -> Markup:
    """What each replica of a model has answered, and how fast; in the order of the models."""
    titles = cluster["titles"]
    places = {name: place for place, name in enumerate(titles)}
    ordered = sorted(cluster["replicas"], key=lambda one: (places.get(one["model"], len(places)), one["pid"]))
    return render("cluster/replicas.html", replicas=ordered, titles=titles, hosts=_hosts(cluster))


def work(cluster: Cluster) -> Markup:
    """Actors and tasks by their state, placement groups, and the queue of jobs."""
    actors = [f"{count} {ACTOR_STATES.get(state, state)}" for state, count in cluster["actors"].items()]
    tasks = [f"{count} {state}" for state, count in cluster["tasks"].items()]
    lines = {
        "Actors": listed(actors) if actors else "none",
        "Tasks": listed(tasks) if tasks else "none: no running job needs them",
        "Placement groups": _placed(cluster) or "none",
        "Queue of jobs": "; ".join(_queued(job) for job in cluster["queue"]) or "empty",
    }
    return render("cluster/work.html", lines=lines)


def _placed(cluster: Cluster) -> str:
    hosts = {node["node"]: node["address"] for node in cluster["nodes"]}
    groups = []
    for placement in cluster["placements"]:
        nodes = [hosts.get(bundle["node"], "") for bundle in placement["bundles"]]
        spread = [
            f"{nodes.count(node)} on {node}" if node else f"{nodes.count(node)} wait" for node in sorted({*nodes})
        ]
        groups.append(f"{len(nodes)} workers, {listed(spread)}")
    return "; ".join(groups)


def _queued(job: dict[str, Any]) -> str:
    place = f", number {job['position']}" if job["position"] else ""
    about = job["about"]
    return f"{about['model']['title']}, {about['kind']['one']}: {about['state']['words']}{place}"


def trains(cluster: Cluster) -> bool:
    """Whether a training has workers of its own now."""
    return any(process["killable"] == WORKER for process in cluster["processes"])


def recovery(killed: dict[str, Any]) -> str:
    """What became of a process that was killed."""
    name, pid = NAMES[killed["kind"]], killed["pid"]
    if killed["replaced_by"] is None:
        return f"The {name} {pid} was killed, and its training ended before another one was needed."
    return (
        f"The {name} {pid} was killed. {killed['seconds']:.1f} s later process {killed['replaced_by']} works in its "
        f"place. {MEANWHILE[killed['kind']]}"
    )
