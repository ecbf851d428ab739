"""Studies in words and boxes: the list, the one that is shown, its best trial, the importance of its parameters.

A study that waits in the queue is a job without a record; one that was run on the command line, or came with the
program, is a record without a job.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from ui.jobs.view import LOOKS, SCREENS, TUNE, Job, ahead, bar
from ui.kit.cards import quiet
from ui.kit.templates import render
from ui.kit.words import duration, listed
from ui.tuning.words import LEARNER, TRIAL_STATES, metric_of, number, parameter

SHOWN = 12
KEPT = "The trials that had ended are kept."
TOO_FEW = "There are too few trials to say which parameter mattered."


@dataclass(frozen=True)
class Entry:
    """A study in the list: its record without trials, its job, or both."""

    study: dict[str, Any] | None
    job: Job | None

    @property
    def record(self) -> dict[str, Any]:
        """The study, or the job that it will come from."""
        return self.study or self.job or {}

    @property
    def id(self) -> str:
        """The same for the job and its study."""
        return self.record.get("study") or self.record["id"]

    @property
    def _current(self) -> dict[str, Any]:
        """The job knows first that it is being stopped; the record of one that has ended says how."""
        if self.job and (self.study is None or not _has_ended(self.job) or not _has_ended(self.study)):
            return self.job
        return self.record

    @property
    def state(self) -> str:
        """The state as the API names it."""
        return self._current["state"]

    @property
    def ended(self) -> bool:
        """Whether nothing will change any more."""
        return _has_ended(self._current)

    @property
    def words(self) -> str:
        """The state in words."""
        return SCREENS[TUNE].running if self.state == "running" else self._current["about"]["state"]["words"]

    @property
    def created(self) -> str:
        """When it was queued."""
        return (self.job or self.record)["created"]

    @property
    def title(self) -> str:
        """`Table, default search`."""
        preset = self.record["config"].get("preset", "default")
        return f"{self.record['about']['model']['title']}, {preset} search"

    @property
    def shipped(self) -> bool:
        """Whether it came with the program."""
        return bool(self.study and self.study["shipped"])

    @property
    def best(self) -> str:
        """`log loss 0.1`; nothing before there is a best trial."""
        if not (self.study and self.study["best"]):
            return ""
        metric = metric_of(self.study["metric"])
        return f"{metric.title.lower()} {metric.text(self.study['best']['value'])}"


def _has_ended(record: dict[str, Any]) -> bool:
    return record["about"]["state"]["ended"]


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


def study_list(found: list[Entry], picked: str | None) -> Markup:
    """The studies as buttons; `picked` is the one that is shown."""
    if not found:
        return quiet(SCREENS[TUNE].none_yet)
    listed_now = [entry for place, entry in enumerate(found) if place < SHOWN or entry.shipped or entry.id == picked]
    items = [
        {"id": entry.id, "state": entry.state, "title": entry.title, "words": _came(entry), "when": _when(entry)}
        for entry in listed_now
    ]
    hidden = len(found) - len(listed_now)
    older = f"{hidden} older ones are not shown." if hidden else ""
    return render("jobs/list.html", label="Studies", jobs=items, shown=picked, older=older)


def _came(entry: Entry) -> str:
    if entry.state == "queued" and entry.job and entry.job["position"]:
        return f"{entry.words}, number {entry.job['position']} in the queue"
    return f"{entry.words}: {entry.best}" if entry.best else entry.words


def _when(entry: Entry) -> Markup:
    took = entry.study["duration_s"] if entry.study and entry.study["ended"] else 0
    return render("tuning/when.html", entry=entry, day=day(entry.created), took=took)


def day(iso: str) -> str:
    """`23 November 2026`."""
    when = datetime.fromisoformat(iso).astimezone()
    return f"{when.day} {when:%B %Y}"


def headline(entry: Entry | None, jobs: list[Job]) -> Markup:
    """Which study is shown, where it is from, and its state; a screen reader announces a change."""
    if entry is None:
        screen = SCREENS[TUNE]
        return render("jobs/none.html", title=screen.heading, text=screen.not_yet)
    origin = f"This study came with the program: it was run on {day(entry.created)}. " if entry.shipped else ""
    return render(
        "jobs/headline.html",
        title=entry.title,
        options=origin + _planned(entry),
        text=f"{_sentence(entry)} {ahead(entry.job, jobs) if entry.job else ''}".strip(),
        look=LOOKS.get(entry.state, "info"),
    )


def _sentence(entry: Entry) -> str:
    words, error = entry.words[0].upper() + entry.words[1:], (entry.job or {}).get("error") or entry.record["error"]
    match entry.state:
        case "succeeded":
            return f"Done: {entry.best} in trial {entry.study['best']['trial']}." if entry.best else "Done."
        case "queued":
            position = entry.job and entry.job["position"]
            return f"{words}, number {position} in the queue." if position else f"{words}."
        case "stopped" | "interrupted":
            return f"{words}. {KEPT}" if entry.study else f"{words}."
        case "failed" if error:
            return f"{words}: {error}"
    return f"{words}."


def _planned(entry: Entry) -> str:
    config = entry.record["config"]
    trials = entry.study["num_samples"] if entry.study else config.get("num_samples")
    parts = [f"{trials} trial{'' if trials == 1 else 's'}"] if trials else []
    names = list(config.get("space") or {})
    if names:
        parts.append(f"of {len(names)} parameter{'' if len(names) == 1 else 's'}")
    if config.get("time_budget_s"):
        parts.append(f"in {duration(config['time_budget_s'])} at most")
    return f"Planned: {' '.join(parts)}." if parts else ""


def progress(entry: Entry | None, study: dict[str, Any] | None) -> Markup | str:
    """How far a running study is; one that runs on the command line is known by its trials."""
    if entry is None or entry.ended or entry.state == "queued":
        return ""
    if entry.job:
        return bar(entry.job | {"progress": entry.job["progress"] | {"note": _note(entry)}})
    ended = sum(trial["state"] != "running" for trial in study["trials"]) if study else 0
    return quiet(f"{ended} of {entry.study['num_samples']} trials have ended." if entry.study else "")


def _note(entry: Entry) -> dict[str, str]:
    """The job's own remarks, with the metric in words."""
    note = dict((entry.job or {})["progress"]["note"])
    if "best" in note:
        note["best"] = entry.best or note["best"]
    return note


def summary(study: dict[str, Any] | None, public: str) -> Markup | str:
    """What was best, how the trials ended, and the file; `public` is the API's address."""
    if study is None or not study["trials"]:
        return ""
    metric, best = metric_of(study["metric"]), study["best"]
    states = [trial["state"] for trial in study["trials"]]
    counts = [(states.count(state), words) for state, words in TRIAL_STATES.items()]
    boxes = [("Trials", str(len(states)), listed([f"{count} {words}" for count, words in counts if count]))]
    if best:
        what = f"{metric.meaning}; {'lower' if study['mode'] == 'min' else 'higher'} is better"
        help_text = f"{metric.title.lower()} in trial {best['trial']}: {what}"
        boxes.insert(0, ("Best", metric.text(best["value"]), help_text))
    return render(
        "tuning/summary.html",
        boxes=boxes,
        best=[(parameter(study["tunable"], key)[0], number(value)) for key, value in best["params"].items()]
        if best
        else [],
        name=study["study"],
        link=f"{public}/tuning/{quote(study['study'], safe='')}/trials.csv",
    )


def leaderboard(study: dict[str, Any] | None) -> Markup | str:
    """The best trial of each learner, best first; nothing of a study over one learner."""
    if study is None:
        return ""
    metric, sign = study["metric"], 1 if study["mode"] == "min" else -1
    tried = [trial for trial in study["trials"] if LEARNER in trial["params"] and trial["metrics"]]
    # A trial that did all folds comes before one that was stopped: means of other folds do not compare.
    tried.sort(key=lambda trial: (-trial["metrics"][-1]["step"], sign * trial["metrics"][-1][metric]))
    best: dict[str, dict[str, Any]] = {}
    for trial in tried:
        best.setdefault(trial["params"][LEARNER], trial)
    rows = [_ranked(study, trial) for trial in best.values()]
    return render("tuning/leaderboard.html", metric=metric_of(metric), rows=rows)


def _ranked(study: dict[str, Any], trial: dict[str, Any]) -> dict[str, Any]:
    last, tunable = trial["metrics"][-1], study["tunable"]
    params = {name: value for name, value in trial["params"].items() if name != LEARNER}
    return {
        "learner": trial["params"][LEARNER],
        "trial": trial["trial"],
        "value": metric_of(study["metric"]).text(last[study["metric"]]),
        "spread": number(last["spread"]),
        "auc": number(last["validation_auc"]) if "validation_auc" in last else "",
        "folds": int(last["step"]),
        "seconds": f"{last['fit_s']:.2g}",
        "microseconds": f"{last['answer_us']:.0f}",
        "size": f"{last['size_bytes'] / 1024:.1f} kB",
        "params": listed([f"{parameter(tunable, name)[0].lower()} {number(value)}" for name, value in params.items()]),
    }


def importance(study: dict[str, Any] | None) -> Markup | str:
    """Which parameter mattered, and how that was calculated; with too few trials, why it is not known."""
    if study is None or not study["trials"]:
        return ""
    if not study["importance"]:
        return quiet(study["importance_note"] or TOO_FEW)
    ranked = sorted(study["importance"]["params"].items(), key=lambda item: -item[1])
    params = [(parameter(study["tunable"], name)[0], share) for name, share in ranked]
    return render("tuning/importance.html", params=params, method=study["importance"]["method"])
