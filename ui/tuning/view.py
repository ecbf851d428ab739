"""Studies in words and boxes: the list, the one that is shown, what was best, which parameter mattered.

Not run by itself; the Tuning screen shows them. A study that waits in the queue is a job without a
record; one that was run on the command line, or came with the program, is a record without a job.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any
from urllib.parse import quote

from ui.jobs.view import ENDED, KINDS, LOOKS, TITLES, TUNE, Job, ahead, bar, duration, moment_html
from ui.kit.cards import listed, notice, percent, quiet
from ui.tuning.words import STUDY_STATES, metric_of, number, parameter

SHOWN = 12
SHIPPED = "came with the program"
KEPT = "The trials that had ended are kept."


@dataclass(frozen=True)
class Entry:
    """A study in the list: its record without trials, its job, or both."""

    study: dict[str, Any] | None
    job: Job | None

    @property
    def told(self) -> dict[str, Any]:
        """What says most about it."""
        return self.study or self.job or {}

    @property
    def id(self) -> str:
        """The same for the job and its study."""
        return self.told.get("study") or self.told["id"]

    @property
    def state(self) -> str:
        """The job knows first that it is being stopped; the record of one that has ended says how."""
        if self.job and (self.study is None or self.job["state"] not in ENDED or self.study["state"] == "running"):
            return self.job["state"]
        return self.told["state"]

    @property
    def created(self) -> str:
        """When it was asked for."""
        return (self.job or self.told)["created"]

    @property
    def title(self) -> str:
        """`Table, default search`."""
        preset = self.told["config"].get("preset", "default")
        return f"{TITLES.get(self.told['model'], self.told['model'])}, {preset} search"

    @property
    def shipped(self) -> bool:
        """Whether it came with the program."""
        return bool(self.study and self.study["shipped"])


def entries(studies: list[dict[str, Any]], jobs: list[Job]) -> list[Entry]:
    """Every study, newest first."""
    known = {study["study"] for study in studies}
    by_id = {job["id"]: job for job in jobs if job["kind"] == TUNE}
    found = [Entry(study, by_id.get(study["study"])) for study in studies]
    found += [Entry(None, job) for job in by_id.values() if job["id"] not in known]
    return sorted(found, key=lambda entry: datetime.fromisoformat(entry.created), reverse=True)


def shown(found: list[Entry], chosen: str | None) -> Entry | None:
    """The study to show: the chosen one, else the one that runs, else the newest."""
    running = (entry for entry in found if entry.state in ("running", "stopping"))
    return (
        next((entry for entry in found if entry.id == chosen), None) or next(running, None) or next(iter(found), None)
    )


def study_list(found: list[Entry], picked: str | None) -> str:
    """The studies as buttons; `picked` is the one that is shown."""
    if not found:
        return quiet(KINDS[TUNE].none_yet)
    listed_now = [entry for place, entry in enumerate(found) if place < SHOWN or entry.shipped or entry.id == picked]
    items = "".join(
        f'<li><button type="button" data-job="{escape(entry.id)}" aria-pressed="{str(entry.id == picked).lower()}">'
        f'<span class="air-dot air-{escape(entry.state)}"></span><span><strong>{escape(entry.title)}</strong> '
        f"{escape(_came(entry))}<small>{_when(entry)}</small></span></button></li>"
        for entry in listed_now
    )
    hidden = len(found) - len(listed_now)
    older = f" {hidden} older ones are not shown." if hidden else ""
    return f'<ul class="air-jobs" aria-label="Studies">{items}</ul>{quiet("Choose one to look at it." + older)}'


def _came(entry: Entry) -> str:
    words = STUDY_STATES.get(entry.state, entry.state)
    if entry.state == "queued" and entry.job and entry.job["position"]:
        return f"{words}, number {entry.job['position']} in the queue"
    best = _best(entry)
    return f"{words}: {best}" if best else words


def _best(entry: Entry) -> str:
    if not (entry.study and entry.study["best"]):
        return ""
    metric = metric_of(entry.study["metric"])
    return f"{metric.title.lower()} {metric.text(entry.study['best']['value'])}"


def _when(entry: Entry) -> str:
    if entry.shipped:
        return f"{SHIPPED}, run on {day(entry.created)}"
    if entry.study and entry.study["ended"]:
        return f"asked for {moment_html(entry.created)}, took {duration(entry.study['duration_s'])}"
    return f"asked for {moment_html(entry.created)}"


def day(iso: str) -> str:
    """`23 November 2026`."""
    when = datetime.fromisoformat(iso).astimezone()
    return f"{when.day} {when:%B %Y}"


def headline(entry: Entry | None, jobs: list[Job]) -> str:
    """Which study is shown, where it is from, and its state; said aloud when it changes."""
    if entry is None:
        return f"<h2>The study</h2>{quiet(KINDS[TUNE].not_yet)}"
    origin = f"This study {SHIPPED}: it was run on {day(entry.created)}. " if entry.shipped else ""
    text = f"{_sentence(entry)} {ahead(entry.job, jobs) if entry.job else ''}".strip()
    return (
        f"<h2>{escape(entry.title)}</h2>{quiet(origin + _asked(entry))}{notice(text, LOOKS.get(entry.state, 'info'))}"
    )


def _sentence(entry: Entry) -> str:
    words, error = STUDY_STATES.get(entry.state, entry.state), (entry.job or {}).get("error") or entry.told["error"]
    words = words[0].upper() + words[1:]
    match entry.state:
        case "succeeded":
            return f"Done: {_best(entry)} in trial {entry.study['best']['trial']}." if _best(entry) else "Done."
        case "queued":
            position = entry.job and entry.job["position"]
            return f"{words}, number {position} in the queue." if position else f"{words}."
        case "stopped" | "interrupted":
            return f"{words}. {KEPT}" if entry.study else f"{words}."
        case "failed" if error:
            return f"{words}: {error}"
    return f"{words}."


def _asked(entry: Entry) -> str:
    config = entry.told["config"]
    trials = entry.study["num_samples"] if entry.study else config.get("num_samples")
    told = [f"{trials} trial{'' if trials == 1 else 's'}"] if trials else []
    names = list(config.get("space") or {})
    if names:
        told.append(f"of {len(names)} parameter{'' if len(names) == 1 else 's'}")
    if config.get("time_budget_s"):
        told.append(f"in {duration(config['time_budget_s'])} at most")
    return f"Asked for: {' '.join(told)}." if told else ""


def progress(entry: Entry | None, study: dict[str, Any] | None) -> str:
    """How far a running study is; one that runs on the command line is known by its trials."""
    if entry is None or entry.state in ENDED or entry.state == "queued":
        return ""
    if entry.job:
        return bar(entry.job | {"progress": entry.job["progress"] | {"note": _note(entry)}})
    ended = sum(trial["state"] != "running" for trial in study["trials"]) if study else 0
    return quiet(f"{ended} of {entry.study['num_samples']} trials have ended." if entry.study else "")


def _note(entry: Entry) -> dict[str, str]:
    """The job's own remarks, with the metric in words."""
    note = dict((entry.job or {})["progress"]["note"])
    if "best" in note:
        note["best"] = _best(entry) or note["best"]
    return note


def summary(study: dict[str, Any] | None, public: str) -> str:
    """What was best, how the trials ended, and the file; `public` is the API's address."""
    if study is None or not study["trials"]:
        return ""
    metric, best = metric_of(study["metric"]), study["best"]
    states = [trial["state"] for trial in study["trials"]]
    counts = {state: states.count(state) for state in ("finished", "stopped", "failed", "interrupted", "running")}
    words = {"finished": "finished", "stopped": "stopped early", "running": "running now"}
    told = listed([f"{count} {words.get(state, state)}" for state, count in counts.items() if count])
    boxes = []
    if best:
        what = f"{metric.meaning}; {'lower' if study['mode'] == 'min' else 'higher'} is better"
        boxes.append(("Best", metric.text(best["value"]), f"{metric.title.lower()} in trial {best['trial']}: {what}"))
    boxes.append(("Trials", str(len(states)), told))
    items = "".join(f"<div><dt>{escape(a)}</dt><dd>{escape(b)}</dd><dd>{escape(c)}</dd></div>" for a, b, c in boxes)
    found = _found(study) if best else ""
    link = f"{escape(public)}/tuning/{quote(study['study'], safe='')}/trials.csv"
    file = f'<a download="{escape(study["study"])}.csv" href="{link}">All trials as a CSV file</a>'
    return f'<div class="air-stack"><dl class="air-stats">{items}</dl>{found}<p class="air-files">{file}</p></div>'


def _found(study: dict[str, Any]) -> str:
    items = "".join(
        f"<li>{escape(parameter(study['model'], name)[0])} <b>{escape(number(value))}</b></li>"
        for name, value in study["best"]["params"].items()
    )
    return f'<div><h3>What it found</h3><ul class="air-found">{items}</ul></div>'


def importance(study: dict[str, Any] | None) -> str:
    """Which parameter mattered, and how that was worked out; with too few trials, why nothing is said."""
    if study is None or not study["trials"]:
        return ""
    if not study["importance"]:
        return quiet(study["importance_note"] or "There are too few trials to say which parameter mattered.")
    ranked = sorted(study["importance"]["params"].items(), key=lambda item: -item[1])
    rows = "".join(
        f'<li><span class="air-name">{escape(parameter(study["model"], name)[0])}</span>'
        f'<span class="air-track"><span class="air-fill" style="width:{min(max(share, 0), 1):.2%}"></span></span>'
        f'<span class="air-value">{percent(share)}</span></li>'
        for name, share in ranked
    )
    read = "The longer the bar, the more of the difference between trials comes from this parameter."
    return f'{quiet(read)}<ol class="air-bars air-shares">{rows}</ol>{quiet(study["importance"]["method"])}'
