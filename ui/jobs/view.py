"""Jobs in words and boxes: the list of the latest, and the one that is watched.

Not run by itself; the Retrain screen shows the trainings, Batch the batch predictions, Tuning the studies.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Any

from ui.kit.cards import listed, notice, quiet
from ui.kit.client import IMAGES, TABLE, ApiError, Client, Headers

TRAIN, BATCH, TUNE = "train", "batch_predict", "tune"
SHOWN, NAMED, LONGEST = 10, 3, 60
TITLES = {IMAGES: "Images", TABLE: "Table"}
STATES = {
    "queued": "waiting",
    "running": "running now",
    "stopping": "being stopped",
    "stopped": "stopped",
    "succeeded": "done",
    "failed": "failed",
    "interrupted": "interrupted",
}
CANCELLABLE, RESUMABLE = {"queued", "running"}, {"stopped", "failed", "interrupted"}
ENDED = RESUMABLE | {"succeeded"}
QUEUED = "Asked for. Watch it on this page; you may also go away and come back."
LOOKS = {"failed": "problem", "interrupted": "warning", "stopped": "warning", "succeeded": "good"}
SIGN_IN_TO_READ = "Sign in to read the log."
TEST_SET, OWN_FILES = "the test set", "own files"
CHOSEN_OPTIONS = {
    "epochs": "epochs",
    "num_boost_round": "trees",
    "max_depth": "questions a tree",
    "learning_rate": "learning rate",
    "seed": "seed",
}
Job = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """How jobs of one kind are spoken of."""

    one: str
    several: str
    screen: str
    running: str
    steps: str
    none_yet: str
    not_yet: str


KINDS = {
    TRAIN: Kind(
        "training",
        "Trainings",
        "Retrain",
        "training now",
        "of the steps done",
        "Nobody has trained anything here yet. Press “Train” to begin.",
        "How far it is, and how good it has become, is shown here while it trains.",
    ),
    BATCH: Kind(
        "batch prediction",
        "Batch predictions",
        "Batch",
        "predicting now",
        "done",
        "Nobody has predicted a batch here yet. Choose one and press “Predict”.",
        "How far it is, and what came of it, is shown here.",
    ),
    TUNE: Kind(
        "study",
        "Studies",
        "Tuning",
        "searching now",
        "of the trials done",
        "Nobody has searched here yet. Press “Search” to begin.",
        "How far it is, and what came of it, is shown here.",
    ),
}


def watched(jobs: list[Job], chosen: str | None) -> Job | None:
    """The job to show: the chosen one, else the one that runs, else the newest."""
    running = (job for job in jobs if job["state"] in ("running", "stopping"))
    return next((job for job in jobs if job["id"] == chosen), None) or next(running, None) or next(iter(jobs), None)


def ahead(job: Job | None, jobs: list[Job]) -> str:
    """What a waiting job waits for, whatever kind it is of; nothing for any other job."""
    if job is None or job["state"] != "queued":
        return ""
    before = [other for other in jobs if other["state"] in ("running", "stopping")]
    before += [other for other in reversed(jobs) if _queued_before(other, job)]
    if not before:
        return ""
    names = [f"“{title(other)}” (a {KINDS[other['kind']].one})" for other in before[:NAMED]]
    names += [f"{len(before) - NAMED} more"] if len(before) > NAMED else []
    return f"One job runs at a time. Before this one: {listed(names)}."


def _queued_before(other: Job, job: Job) -> bool:
    return other["state"] == "queued" and (other["position"] or 0) < (job["position"] or 0)


def job_list(kind: str, jobs: list[Job], shown: str | None) -> str:
    """The latest jobs of a kind as buttons; `shown` is the one that is watched."""
    words = KINDS[kind]
    if not jobs:
        return quiet(words.none_yet)
    items = "".join(
        f'<li><button type="button" data-job="{escape(job["id"])}" aria-pressed="{str(job["id"] == shown).lower()}">'
        f'<span class="air-dot air-{escape(job["state"])}"></span><span><strong>{escape(title(job))}</strong> '
        f"{escape(state(job))}<small>{_when(job)}</small></span></button></li>"
        for job in jobs[:SHOWN]
    )
    older = f" The {SHOWN} latest of {len(jobs)} are shown." if len(jobs) > SHOWN else ""
    return f'<ul class="air-jobs" aria-label="{words.several}">{items}</ul>{quiet("Choose one to look at it." + older)}'


def title(job: Job) -> str:
    """`Images, quick`; `Table, rows.csv`."""
    preset = job["config"].get("preset", "default")
    what = source(job) if job["kind"] == BATCH else f"{preset} search" if job["kind"] == TUNE else preset
    return f"{TITLES.get(job['model'], job['model'])}, {what}"


def source(job: Job) -> str:
    """What a batch prediction is about."""
    config = job["config"]
    if config.get("upload") is None and config.get("data") is None:
        return TEST_SET
    told = job["result"].get("source") or job.get("source") or config.get("data") or OWN_FILES
    return told if len(told) <= LONGEST else f"{told[: LONGEST - 2]} …"


def state(job: Job) -> str:
    """The state in words, with what came of it."""
    words = STATES.get(job["state"], job["state"])
    if job["state"] == "running":
        return KINDS[job["kind"]].running
    if job["state"] == "queued" and job["position"]:
        return f"{words}, number {job['position']} in the queue"
    if job["state"] == "succeeded" and job["kind"] == BATCH:
        return f"{words}: {counted(job['result'])}"
    if job["state"] == "succeeded" and job["result"].get("version"):
        return f"{words}: made version {job['result']['version']}"
    if job["error"]:
        return f"{words}: {job['error']}"
    return words


def counted(result: dict[str, Any]) -> str:
    """`812 predicted`, `118 predicted, 2 could not be read`."""
    good, errors = result["rows"] - result["errors"], result["errors"]
    return f"{good} predicted" + (f", {errors} could not be read" if errors else "")


def options(job: Job) -> str:
    """What was asked for, in words: `100 trees, learning rate 0.2`."""
    if job["kind"] == BATCH:
        version = job["result"].get("version") or job["config"]["version"]
        return "by the champion" if version == "champion" else f"by version {version}"
    given = [(name, job["config"].get(key)) for key, name in CHOSEN_OPTIONS.items()]
    counts = {"epochs", "trees", "questions a tree"}
    words = [f"{value} {name}" if name in counts else f"{name} {value:g}" for name, value in given if value is not None]
    return ", ".join([*words, *(["learns from corrections"] if job["config"].get("use_corrections") else [])])


def _when(job: Job) -> str:
    parts = [f"asked for {moment_html(job['created'])}"]
    if job["started"] and job["ended"]:
        began, ended = (datetime.fromisoformat(job[key]) for key in ("started", "ended"))
        parts.append(f"took {duration((ended - began).total_seconds())}")
    elif job["started"]:
        parts.append(f"began {moment_html(job['started'])}")
    return ", ".join(parts)


def moment(iso: str) -> str:
    """`23 Nov, 10:45 UTC`, for a text that is no HTML."""
    when = datetime.fromisoformat(iso).astimezone(UTC)
    return f"{when.day} {when:%b}, {when:%H:%M} UTC"


def moment_html(iso: str) -> str:
    """The same as HTML, which ui/kit/times.js writes in the reader's own zone."""
    when = datetime.fromisoformat(iso).astimezone(UTC)
    return f'<time datetime="{when:%Y-%m-%dT%H:%M:%SZ}">{moment(iso)}</time>'


def duration(seconds: float) -> str:
    """`45 s`, `3 min`, `2 h 5 min`."""
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def headline(kind: str, job: Job | None, waits: str) -> str:
    """Which job is watched, in which state, and what it waits for; said aloud when it changes."""
    if job is None:
        return f"<h2>The {KINDS[kind].one}</h2>{quiet(KINDS[kind].not_yet)}"
    words = state(job).rstrip(".")
    text = f"{words[0].upper()}{words[1:]}. {waits}".strip()
    return f"<h2>{escape(title(job))}</h2>{quiet(options(job))}{notice(text, LOOKS.get(job['state'], 'info'))}"


def bar(job: Job | None) -> str:
    """How far a running job is, its stage and the time left; nothing for one that has ended."""
    if job is None or job["state"] in ENDED or job["state"] == "queued":
        return ""
    share, stage = job["progress"]["share"], job["progress"]["stage"] or "starting"
    words = KINDS[job["kind"]]
    parts = [f"{100 * share:.0f} % {words.steps}", stage]
    if job["eta_s"] is not None and job["state"] == "running" and share < 1:
        parts.append(f"about {duration(job['eta_s'])} left")
    # A speed is read as `2950 rows/s`, any other figure as `accuracy 0.8`.
    notes = job["progress"]["note"].items()
    parts += [f"{value} {name}" if name.endswith("/s") else f"{name} {value}" for name, value in notes]
    return (
        f'<div role="progressbar" aria-label="Progress of the {words.one}" aria-valuemin="0" aria-valuemax="100" '
        f'aria-valuenow="{100 * share:.0f}"><span class="air-track"><span class="air-fill" '
        f'style="width:{share:.2%}"></span></span></div><p class="air-quiet">{escape(" · ".join(parts))}</p>'
    )


async def read_log(api: Client, job_id: str, headers: Headers) -> str:
    """The end of a job's log, or why this visitor cannot read it. Raises ApiError when the service does not say."""
    try:
        return log_text(await api.log(job_id, headers))
    except ApiError as error:
        if error.status not in (401, 403):
            raise
        return quiet(SIGN_IN_TO_READ if error.status == 401 else str(error))


def log_text(log: str) -> str:
    """The end of a job's log."""
    shown = escape(log.strip()) or "Nothing yet."
    return f'<pre class="air-log" tabindex="0" role="region" aria-label="End of the log">{shown}</pre>'
