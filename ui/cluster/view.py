"""The cluster in words and boxes: what runs where, the machines, the replicas, what waits.

Not run by itself; the Cluster screen shows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any

from ui.kit.cards import listed, quiet

MB, GB = 1024**2, 1024**3
REPLICA, WORKER = "replica", "training_worker"
TRAINING_WORKERS = ("RayTrainWorker", "LocalRayTrainWorker")
ACTOR_STATES = {"starting": "starting", "alive": "alive", "restarting": "starting again", "dead": "ended"}
NAMES = {REPLICA: "replica", WORKER: "training worker"}
Cluster = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """One of the four kinds of workload: how it works, and what is said while none runs."""

    title: str
    pattern: str
    how: str
    none_now: str


WORKLOADS = {
    "data": Kind(
        "Data loading",
        "tasks",
        "Many small steps, side by side. A task is a function that runs once on whatever core is free, hands its "
        "result on and leaves nothing behind.",
        "Nothing is being loaded now. Every training and every batch prediction begins with it.",
    ),
    "training": Kind(
        "Training",
        "actors",
        "Workers that remember. An actor is a process that keeps what it has learnt, or the model that it answers "
        "with, from one step to the next.",
        "Nothing is being trained now. Start a training on the Retrain screen.",
    ),
    "tuning": Kind(
        "Tuning",
        "tasks and actors",
        "Both together: each trial is a worker of its own, and tasks bring the data.",
        "No search runs now. Start one on the Tuning screen.",
    ),
    "serving": Kind(
        "Serving",
        "actors that wait",
        "Workers that wait for questions, each with a model in memory, and answer within milliseconds.",
        "Nothing answers yet: the models are starting.",
    ),
}


def picture(cluster: Cluster, new: set[int]) -> str:
    """The four kinds of workload with the processes that do them now; those of ``new`` are marked."""
    return f'<div class="air-workloads">{"".join(_workload(key, cluster, new) for key in WORKLOADS)}</div>'


def own(cluster: Cluster, new: set[int]) -> str:
    """What AIR Studio and Ray need for themselves."""
    return _processes(cluster, "own", new) or quiet("Nothing.")


def _workload(key: str, cluster: Cluster, new: set[int]) -> str:
    words = WORKLOADS[key]
    running = _processes(cluster, key, new)
    return (
        f'<section class="air-workload" id="air-workload-{key}"><h3>{words.title}<small>{words.pattern}</small></h3>'
        f"{quiet(words.how)}{running or quiet(words.none_now)}</section>"
    )


def _processes(cluster: Cluster, workload: str, new: set[int]) -> str:
    hosts = _hosts(cluster)
    found = sorted(
        (process for process in cluster["processes"] if process["workload"] == workload),
        key=lambda process: (process["kind"], process["model"] is None, process["does"], process["pid"]),
    )
    items = "".join(
        f'<li data-pid="{process["pid"]}"><code>{process["pid"]}</code><span>{escape(process["does"])}'
        f"{_on(process['node'], hosts)}{' <strong>new</strong>' if process['pid'] in new else ''}</span></li>"
        for process in found
    )
    return f'<ul class="air-processes" aria-label="Processes that do this now">{items}</ul>' if items else ""


def _hosts(cluster: Cluster) -> dict[str, str]:
    """A short name of each node; none where there is only one."""
    nodes = cluster["nodes"]
    return {node["node"]: node["address"] for node in nodes} if len(nodes) > 1 else {}


def _on(node: str, hosts: dict[str, str]) -> str:
    return f" <small>on {escape(hosts[node])}</small>" if node in hosts else ""


def machines(cluster: Cluster) -> str:
    """Each machine with its cores, memory and object store."""
    return "".join(_machine(node) for node in cluster["nodes"])


def _machine(node: dict[str, Any]) -> str:
    lines = [_bar("Places for work", node["cpus_used"], node["cpus"], f"{node['cpus_used']:g} of {node['cpus']:g}")]
    if node["busy"] is not None:
        lines.append(_bar("Cores busy", node["busy"], 1, f"{100 * node['busy']:.0f} %"))
    if node["memory"]:
        lines.append(_bytes("Memory", node["memory"]))
    store = node["object_store"]
    if store:
        lines.append(_bytes("Object store", store))
    role = "head" if node["head"] else "worker"
    return (
        f"<h3>{escape(node['host'])} <small>{role}, {escape(node['address'])}</small></h3>"
        f'<ul class="air-bars air-machine">{"".join(lines)}</ul>{quiet(_spilled(store))}'
    )


def _spilled(store: dict[str, int] | None) -> str:
    if store is None:
        return "Its object store does not say how full it is now."
    spilled, restored = amount(store["spilled"]), amount(store["restored"])
    return f"Moved to disk because the object store was full: {spilled}, brought back: {restored}."


def _bytes(name: str, memory: dict[str, int]) -> str:
    return _bar(name, memory["used"], memory["total"], f"{amount(memory['used'])} of {amount(memory['total'])}")


def _bar(name: str, used: float, total: float, text: str) -> str:
    share = min(used / total, 1) if total else 0
    return (
        f'<li><span class="air-name">{name}</span><span class="air-track"><span class="air-fill" '
        f'style="width:{share:.2%}"></span></span><span class="air-value">{text}</span></li>'
    )


def amount(size: float) -> str:
    """`0 MB`, `38 MB`, `1.5 GB`."""
    return f"{size / GB:.1f} GB" if size >= GB else f"{size / MB:.0f} MB"


def replicas(cluster: Cluster) -> str:
    """What each replica of a model has answered, and how fast."""
    if not cluster["replicas"]:
        return quiet("No replica answers at this moment.")
    hosts = _hosts(cluster)
    rows = "".join(
        f'<tr><th scope="row">{escape(cluster["titles"].get(replica["model"], replica["model"]))}<small>version '
        f"{escape(replica['version'])}, process {replica['pid']}{_on(replica['node'], hosts)}</small></th>"
        f"<td>{replica['requests']}<small>{replica['refused']} refused</small></td>"
        f"<td>{_ms(replica['p50_ms'])}</td><td>{_ms(replica['p99_ms'])}</td></tr>"
        for replica in sorted(cluster["replicas"], key=lambda one: (one["model"] != "cifar10", one["pid"]))
    )
    head = "".join(f'<th scope="col">{text}</th>' for text in ("Replica", "Requests", "Half within", "99 % within"))
    return f'<table class="air-table"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f} ms"


def work(cluster: Cluster) -> str:
    """Actors and tasks by their state, what is held together, and the queue of jobs."""
    actors = [f"{count} {ACTOR_STATES.get(state, state)}" for state, count in cluster["actors"].items()]
    tasks = [f"{count} {state}" for state, count in cluster["tasks"].items()]
    lines = [
        ("Actors", listed(actors) if actors else "none"),
        ("Tasks of what runs", listed(tasks) if tasks else "none: no job runs that needs them"),
        ("Placed together", _placed(cluster)),
        ("Queue of jobs", _queue(cluster["queue"])),
    ]
    rows = "".join(f"<tr><th scope='row'>{name}</th><td>{escape(text)}</td></tr>" for name, text in lines)
    return f'<table class="air-table"><tbody>{rows}</tbody></table>'


def _placed(cluster: Cluster) -> str:
    hosts = {node["node"]: node["address"] for node in cluster["nodes"]}
    told = []
    for placement in cluster["placements"]:
        nodes = [hosts.get(bundle["node"], "") for bundle in placement["bundles"]]
        spread = [
            f"{nodes.count(node)} on {node}" if node else f"{nodes.count(node)} wait" for node in sorted({*nodes})
        ]
        told.append(f"{len(nodes)} workers, {listed(spread)}")
    return "; ".join(told) or "nothing"


def _queue(queue: list[dict[str, Any]]) -> str:
    told = []
    for job in queue:
        place = f", number {job['position']}" if job["position"] else ""
        about = job["about"]
        told.append(f"{about['model']['title']}, {about['kind']['one']}: {about['state']['words']}{place}")
    return "; ".join(told) or "empty"


def trains(cluster: Cluster) -> bool:
    """Whether a training has workers of its own now."""
    return any(process["name"] in TRAINING_WORKERS for process in cluster["processes"])


def recovery(killed: dict[str, Any]) -> str:
    """What became of a process that was killed."""
    name, pid = NAMES[killed["kind"]], killed["pid"]
    if killed["replaced_by"] is None:
        return f"The {name} {pid} was killed, and its training ended before another one was needed."
    goes_on = {
        REPLICA: "The other replicas answered meanwhile.",
        WORKER: "The training goes on from its last checkpoint.",
    }
    return (
        f"The {name} {pid} was killed. {killed['seconds']:.1f} s later process {killed['replaced_by']} works in its "
        f"place. {goes_on[killed['kind']]}"
    )
