"""Jobs in words and boxes: the list of the latest, and the one that is watched.

Not run by itself; the Retrain screen shows them.
"""

from __future__ import annotations

from datetime import datetime
from html import escape
from typing import Any

from ui.cards import notice, quiet
from ui.client import IMAGES, TABLE

SHOWN = 10
TITLES = {IMAGES: "Images", TABLE: "Table"}
STATES = {
    "queued": "waiting",
    "running": "training now",
    "stopping": "being stopped",
    "stopped": "stopped",
    "succeeded": "done",
    "failed": "failed",
    "interrupted": "interrupted",
}
CANCELLABLE, RESUMABLE = {"queued", "running"}, {"stopped", "failed", "interrupted"}
ENDED = RESUMABLE | {"succeeded"}
NO_JOBS = "Nobody has trained anything here yet. Press “Train” to begin."
NOT_YET = "How far it is, and how good it has become, is shown here while it trains."
CHOSEN_OPTIONS = {
    "epochs": "epochs",
    "num_boost_round": "trees",
    "max_depth": "questions a tree",
    "learning_rate": "learning rate",
    "seed": "seed",
}
Job = dict[str, Any]


def watched(jobs: list[Job], chosen: str | None) -> Job | None:
    """The job to show: the chosen one, else the one that runs, else the newest."""
    running = (job for job in jobs if job["state"] in ("running", "stopping"))
    return next((job for job in jobs if job["id"] == chosen), None) or next(running, None) or next(iter(jobs), None)


def job_list(jobs: list[Job], shown: str | None) -> str:
    """The latest jobs as buttons; `shown` is the one that is watched."""
    if not jobs:
        return quiet(NO_JOBS)
    items = "".join(
        f'<li><button type="button" data-job="{escape(job["id"])}" aria-pressed="{str(job["id"] == shown).lower()}">'
        f'<span class="air-dot air-{escape(job["state"])}"></span><span><strong>{escape(title(job))}</strong> '
        f"{escape(state(job))}<small>{escape(_when(job))}</small></span></button></li>"
        for job in jobs[:SHOWN]
    )
    older = f" The {SHOWN} latest of {len(jobs)} are shown." if len(jobs) > SHOWN else ""
    return f'<ul class="air-jobs" aria-label="Trainings">{items}</ul>{quiet("Choose one to look at it." + older)}'


def title(job: Job) -> str:
    """`Images, quick`."""
    return f"{TITLES.get(job['model'], job['model'])}, {job['config'].get('preset', 'default')}"


def state(job: Job) -> str:
    """The state in words, with what came of it."""
    words = STATES.get(job["state"], job["state"])
    if job["state"] == "queued" and job["position"]:
        return f"{words}, number {job['position']} in the queue"
    if job["state"] == "succeeded" and job["result"].get("version"):
        return f"{words}: made version {job['result']['version']}"
    if job["error"]:
        return f"{words}: {job['error']}"
    return words


def options(job: Job) -> str:
    """What was asked for, in words: `100 trees, learning rate 0.2`."""
    given = [(name, job["config"].get(key)) for key, name in CHOSEN_OPTIONS.items()]
    counts = {"epochs", "trees", "questions a tree"}
    return ", ".join(
        f"{value} {name}" if name in counts else f"{name} {value:g}" for name, value in given if value is not None
    )


def _when(job: Job) -> str:
    parts = [f"asked for {moment(job['created'])}"]
    if job["started"] and job["ended"]:
        began, ended = (datetime.fromisoformat(job[key]) for key in ("started", "ended"))
        parts.append(f"took {duration((ended - began).total_seconds())}")
    elif job["started"]:
        parts.append(f"began {moment(job['started'])}")
    return ", ".join(parts)


def moment(iso: str) -> str:
    """`23 Nov, 10:45`, in the zone of the server."""
    when = datetime.fromisoformat(iso).astimezone()
    return f"{when.day} {when:%b}, {when:%H:%M}"


def duration(seconds: float) -> str:
    """`45 s`, `3 min`, `2 h 5 min`."""
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def headline(job: Job | None) -> str:
    """Which job is watched and in which state; said aloud when it changes."""
    if job is None:
        return f"<h2>The training</h2>{quiet(NOT_YET)}"
    text = f"{state(job)[0].upper()}{state(job)[1:]}"
    kind = {"failed": "problem", "interrupted": "warning", "stopped": "warning", "succeeded": "good"}.get(
        job["state"], "info"
    )
    return f"<h2>{escape(title(job))}</h2>{quiet(options(job))}{notice(text.rstrip('.') + '.', kind)}"


def bar(job: Job | None) -> str:
    """How far a running job is, its stage and the time left; nothing for one that has ended."""
    if job is None or job["state"] in ENDED or job["state"] == "queued":
        return ""
    share, stage = job["progress"]["share"], job["progress"]["stage"] or "starting"
    parts = [f"{100 * share:.0f} % of the steps done", stage]
    if job["eta_s"] is not None and job["state"] == "running" and share < 1:
        parts.append(f"about {duration(job['eta_s'])} left")
    parts += [f"{name} {value}" for name, value in job["progress"]["note"].items()]
    return (
        f'<div role="progressbar" aria-label="Progress of the training" aria-valuemin="0" aria-valuemax="100" '
        f'aria-valuenow="{100 * share:.0f}"><span class="air-track"><span class="air-fill" '
        f'style="width:{share:.2%}"></span></span></div><p class="air-quiet">{escape(" · ".join(parts))}</p>'
    )


def log_text(log: str) -> str:
    """The end of a job's log."""
    shown = escape(log.strip()) or "Nothing yet."
    return f'<pre class="air-log" tabindex="0" role="region" aria-label="End of the log">{shown}</pre>'
