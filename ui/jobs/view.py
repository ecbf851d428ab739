"""Jobs in words and boxes: the list of the latest, and the one that is watched.

The Retrain screen shows the trainings, Batch the batch predictions, Tuning the studies, Chapter the examples. A job
comes from ``Client.jobs`` with what the API says of its state, kind and model under ``about``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from markupsafe import Markup

from ui.kit.cards import notice, quiet
from ui.kit.client import ApiError, Client, Headers
from ui.kit.templates import render
from ui.kit.words import an, duration, listed

TRAIN, BATCH, TUNE, EXAMPLE = "train", "batch_predict", "tune", "example"
SHOWN, NAMED, LONGEST = 10, 3, 60
QUEUED = "Queued. You can leave this page and come back."
LOOKS = {"failed": "problem", "interrupted": "warning", "stopped": "warning", "succeeded": "good"}
SIGN_IN_TO_READ = "Sign in to read the log."
TEST_SET, OWN_FILES = "the test set", "own files"
# Options that the headline names, some as a count, some as a value.
COUNTED = {"epochs": "epochs", "num_boost_round": "trees"}
VALUED = {
    "max_depth": "max depth",
    "l2": "L2 penalty",
    "hidden_units": "hidden units",
    "weight_decay": "weight decay",
    "learning_rate": "learning rate",
    "seed": "seed",
}
Job = dict[str, Any]


@dataclass(frozen=True)
class Screen:
    """What the screen of a kind of job says of it."""

    heading: str
    running: str
    steps: str
    none_yet: str
    not_yet: str


SCREENS = {
    TRAIN: Screen(
        "The training",
        "training now",
        "of the steps done",
        "There are no trainings yet. Press “Train” to start one.",
        "Its progress and its figures appear here while it trains.",
    ),
    BATCH: Screen(
        "The batch prediction",
        "predicting now",
        "done",
        "There are no batch predictions yet. Choose what to predict and press “Predict”.",
        "Its progress and its result appear here.",
    ),
    TUNE: Screen(
        "The study",
        "searching now",
        "of the trials done",
        "There are no studies yet. Press “Search” to start one.",
        "Its progress and its trials appear here.",
    ),
    EXAMPLE: Screen(
        "The example",
        "running now",
        "done",
        "There are no runs yet. Press “Run” to start one.",
        "Its output and its picture appear here.",
    ),
}


def watched(jobs: list[Job], chosen: str | None) -> Job | None:
    """The job to show: the chosen one, else the one that runs, else the newest."""
    running = (job for job in jobs if job["state"] in ("running", "stopping"))
    return next((job for job in jobs if job["id"] == chosen), None) or next(running, None) or next(iter(jobs), None)


def ahead(job: Job | None, jobs: list[Job]) -> str:
    """What a queued job waits for, of whatever kind; nothing for any other job."""
    before = waiting_for(job, jobs)
    if not before:
        return ""
    names = [f"“{title(other)}” ({an(other['about']['kind']['one'])})" for other in before]
    return f"One job runs at a time. Before this one: {listed(names, NAMED + 1)}."


def waiting_for(job: Job | None, jobs: list[Job]) -> list[Job]:
    """The jobs that come before a queued one; none for any other job."""
    if job is None or job["state"] != "queued":
        return []
    running = [other for other in jobs if other["state"] in ("running", "stopping")]
    return running + [other for other in reversed(jobs) if _queued_before(other, job)]


def _queued_before(other: Job, job: Job) -> bool:
    return other["state"] == "queued" and (other["position"] or 0) < (job["position"] or 0)


def job_list(kind: str, jobs: list[Job], shown: str | None) -> Markup:
    """The latest jobs of a kind as buttons; `shown` is the one that is watched."""
    if not jobs:
        return quiet(SCREENS[kind].none_yet)
    items = [
        {"id": job["id"], "state": job["state"], "title": title(job), "words": state(job), "when": _when(job)}
        for job in jobs[:SHOWN]
    ]
    older = f"The {SHOWN} latest of {len(jobs)} are shown." if len(jobs) > SHOWN else ""
    return render("jobs/list.html", label=jobs[0]["about"]["kind"]["several"], jobs=items, shown=shown, older=older)


def title(job: Job) -> str:
    """`Images, quick`; `Table, rows.csv`; `Chapter, read_csv`."""
    preset = job["config"].get("preset") or job["config"].get("learner", "default")
    match job["kind"]:
        case "batch_predict":
            what = source(job)
        case "tune":
            what = f"{preset} search"
        case "example":
            what = job["config"]["name"]
        case _:
            what = preset
    return f"{job['about']['model']['title']}, {what}"


def source(job: Job) -> str:
    """What a batch prediction is about."""
    config = job["config"]
    if config.get("upload") is None and config.get("data") is None:
        return TEST_SET
    name = job["result"].get("source") or job.get("source") or config.get("data") or OWN_FILES
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 2]} …"


def state(job: Job) -> str:
    """The state in words, with what came of it."""
    words = job["about"]["state"]["words"]
    if job["state"] == "running":
        return SCREENS[job["kind"]].running
    if job["state"] == "queued" and job["position"]:
        return f"{words}, number {job['position']} in the queue"
    if job["state"] == "succeeded" and job["kind"] == BATCH:
        return f"{words}: {counted(job['result'])}"
    if job["state"] == "succeeded" and job["result"].get("version"):
        return f"{words}: made version {job['result']['version']}"
    if job["state"] == "succeeded" and job["kind"] == EXAMPLE:
        return f"{words}: it took {duration(job['result']['seconds'])}"
    if job["error"]:
        return f"{words}: {job['error']}"
    return words


def counted(result: dict[str, Any]) -> str:
    """`812 predicted`, `118 predicted, 2 could not be read`."""
    good, errors = result["rows"] - result["errors"], result["errors"]
    return f"{good} predicted" + (f", {errors} could not be read" if errors else "")


def options(job: Job) -> str:
    """The options of a job in words: `100 trees, learning rate 0.2`."""
    config = job["config"]
    if job["kind"] == BATCH:
        version = job["result"].get("version") or config["version"]
        return "by the champion" if version == "champion" else f"by version {version}"
    words = [f"{config[key]} {name}" for key, name in COUNTED.items() if config.get(key) is not None]
    words += [f"{name} {config[key]:g}" for key, name in VALUED.items() if config.get(key) is not None]
    return ", ".join([*words, *(["learns from corrections"] if config.get("use_corrections") else [])])


def _when(job: Job) -> Markup:
    took = 0.0
    if job["started"] and job["ended"]:
        began, ended = (datetime.fromisoformat(job[key]) for key in ("started", "ended"))
        took = (ended - began).total_seconds()
    return render("jobs/when.html", job=job, took=took)


def headline(kind: str, job: Job | None, waits: str) -> Markup:
    """Which job is watched, in which state, and what it waits for; a screen reader announces a change."""
    screen = SCREENS[kind]
    if job is None:
        return render("jobs/none.html", title=screen.heading, text=screen.not_yet)
    text, tone = _said(job, waits)
    return render("jobs/headline.html", title=title(job), options=options(job), text=text, look=tone)


def notice_of(job: Job, waits: str) -> Markup:
    """The state of a job and what it waits for, without its title."""
    return notice(*_said(job, waits))


def look(job: Job) -> str:
    """The kind of notice that a job's state is."""
    return LOOKS.get(job["state"], "info")


def _said(job: Job, waits: str) -> tuple[str, str]:
    """The same as a sentence, and the kind of its notice."""
    words = state(job).rstrip(".")
    return f"{words[0].upper()}{words[1:]}. {waits}".strip(), look(job)


def bar(job: Job | None) -> Markup | str:
    """How far a running job is, its stage and the time left; nothing for one that has ended."""
    if job is None or job["about"]["state"]["ended"] or job["state"] == "queued":
        return ""
    share, stage = job["progress"]["share"], job["progress"]["stage"] or "starting"
    parts = [f"{100 * share:.0f} % {SCREENS[job['kind']].steps}", stage]
    if job["eta_s"] is not None and job["state"] == "running" and share < 1:
        parts.append(f"about {duration(job['eta_s'])} left")
    # A speed is read as `2950 rows/s`, any other figure as `accuracy 0.8`.
    notes = job["progress"]["note"].items()
    parts += [f"{value} {name}" if name.endswith("/s") else f"{name} {value}" for name, value in notes]
    return render("jobs/bar.html", kind=job["about"]["kind"]["one"], share=share, parts=parts)


async def read_log(api: Client, job_id: str, headers: Headers) -> Markup:
    """The end of a job's log, or why this visitor cannot read it. Raises ApiError for any other failure."""
    try:
        return log_text(await api.log(job_id, headers))
    except ApiError as error:
        if error.status not in (401, 403):
            raise
        return quiet(SIGN_IN_TO_READ if error.status == 401 else str(error))


def log_text(log: str) -> Markup:
    """The end of a job's log."""
    return render("jobs/log.html", text=log.strip())
