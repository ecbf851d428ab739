"""Runs a study with Ray Tune: the Tuner, its search and early stopping, and the callback that records the trials.

``training.tuning`` calls ``search``. Only the study's own record knows which trials have ended: Tune's own
snapshots are seconds old when a process is killed. A resumed study passes every trial that has ended to
the sampler and ASHA, and runs only the others.
"""

from __future__ import annotations

import logging
import os
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import optuna
import ray
from ray import tune
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search import Searcher
from ray.tune.search.optuna import OptunaSearch

from training.runs.errors import TrainingError
from training.tuning.config import Search
from training.tuning.recorder import Recorder
from training.tuning.space import distributions
from training.tuning.studies import ENDED, Trial

# No tables, figure files, frequent snapshots and Ctrl-C handler of Tune's own: the record replaces them.
TUNE_ENVIRONMENT = {
    "RAY_AIR_NEW_OUTPUT": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "86400",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
}
# max_concurrent limits the trials, not Ray's CPUs: they must start beside the replicas of Serve.
LOGICAL_CPUS_PER_TRIAL = 0.1
STARTUP_SHARE = 3
MAX_STARTUP_TRIALS = 10


@dataclass(frozen=True)
class Plan:
    """What a study runs: ``trainable`` is Tune's, ``longest`` the maximum number of steps of a trial.

    ``first`` is tried before the sampler draws. With ``candidates`` no sampler draws: these are tried.
    """

    trainable: Callable[..., None]
    search: Search
    seed: int
    longest: int
    max_concurrent: int
    time_budget_s: float | None
    gpus: float
    first: dict[str, Any] | None
    candidates: list[dict[str, Any]] | None = None


class Observer(Protocol):
    """Receives the beginning and the end of every trial."""

    def begun(self, trial: str) -> None:
        """A trial has begun."""

    def ended(self, trial: Trial, tune_trial: tune.experiment.Trial) -> None:
        """A trial has ended."""


def search(plan: Plan, recorder: Recorder, observer: Observer, run_storage: dict[str, Any]) -> bool:
    """Run every trial of the plan that has not ended; returns False when the time budget was used up.

    ``run_storage`` is the place for the trials' checkpoints during the study, as arguments of a RunConfig.
    """
    known = [trial for trial in recorder.study.trials if trial.state in ENDED]
    again = [trial for trial in recorder.study.trials if trial.state == "interrupted"]
    missing = plan.search.num_samples - len(known)
    if missing <= 0:
        return True
    os.environ.update(TUNE_ENVIRONMENT)
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    budget = _Budget(plan.time_budget_s)
    watch = _Watch(plan, recorder, observer, budget, again)
    resources = {"CPU": LOGICAL_CPUS_PER_TRIAL} | ({"GPU": plan.gpus} if plan.gpus else {})
    name = f"tune-{recorder.study.study}"
    _clear(run_storage, name)
    try:
        tune.Tuner(
            tune.with_resources(plan.trainable, resources),
            tune_config=tune.TuneConfig(
                search_alg=_searcher(plan, known, again),
                scheduler=_scheduler(plan, known),
                num_samples=missing,
                max_concurrent_trials=plan.max_concurrent,
                reuse_actors=True,  # a process takes seconds to start, a trial perhaps a tenth of a second
            ),
            run_config=tune.RunConfig(name=name, **run_storage, callbacks=[watch], stop=budget, verbose=0),
        ).fit()
    finally:
        _clear(run_storage, name)
    for name in recorder.running():
        recorder.ended(name, "interrupted", budget.because)
    return not budget.used_up


def _clear(run_storage: dict[str, Any], name: str) -> None:
    with suppress(FileNotFoundError):
        run_storage["storage_filesystem"].delete_dir(f"{run_storage['storage_path']}/{name}")


def _searcher(plan: Plan, known: list[Trial], again: list[Trial]) -> Searcher:
    """The sampler, with every known trial that has a figure; interrupted trials run again first."""
    if plan.candidates is not None:
        ended = [trial.params for trial in known]
        return _Listed([params for params in plan.candidates if params not in ended])
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    # A restarted sampler must not draw the same values again.
    seed = plan.seed + 1_000_003 * len(known)
    if plan.search.sampler == "random":
        sampler: optuna.samplers.BaseSampler = optuna.samplers.RandomSampler(seed=seed)
    else:
        startup = max(1, min(MAX_STARTUP_TRIALS, plan.search.num_samples // STARTUP_SHARE))
        # constant_liar keeps concurrent trials away from each other.
        sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=startup, constant_liar=True)
    first = [trial.params for trial in again]
    if plan.first is not None and not known and not again:
        first = [plan.first]
    searcher = OptunaSearch(
        space=distributions(plan.search.space),
        metric=plan.search.metric,
        mode=plan.search.mode,
        sampler=sampler,
        points_to_evaluate=first,
    )
    for trial in known:
        value = trial.value(plan.search.metric)
        if trial.state != "failed" and value is not None:
            searcher.add_evaluated_point(trial.params, value)
    return searcher


class _Listed(Searcher):
    """Suggests what a list has."""

    def __init__(self, candidates: list[dict[str, Any]]) -> None:
        super().__init__()
        self._left = list(candidates)

    def suggest(self, trial_id: str) -> dict[str, Any] | str:  # noqa: ARG002 - Tune's signature
        return self._left.pop(0) if self._left else Searcher.FINISHED

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Nothing is learned of a trial."""


def _scheduler(plan: Plan, known: list[Trial]) -> ASHAScheduler | None:
    """ASHA, with the figures of every known trial."""
    if plan.search.grace is None:
        return None
    scheduler = ASHAScheduler(
        time_attr="step",
        metric=plan.search.metric,
        mode=plan.search.mode,
        max_t=plan.longest,
        grace_period=min(plan.search.grace, plan.longest),
        reduction_factor=plan.search.reduction,
    )
    for trial in known:
        past = _Past(trial.trial)
        scheduler.on_trial_add(None, past)
        for figures in trial.metrics:
            scheduler.on_trial_result(None, past, figures)
    return scheduler


@dataclass(frozen=True)
class _Past:
    """The part of an earlier Tune trial that ASHA reads."""

    trial_id: str


class _Budget(tune.Stopper):
    """Stops the study when its time budget is used up."""

    def __init__(self, seconds: float | None) -> None:
        self._ends = None if seconds is None else time.monotonic() + seconds
        self.because = f"the time budget of {seconds:g} s was used up" if seconds else "the study was stopped"
        self.used_up = False

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:  # noqa: ARG002 - Tune's signature
        return False

    def stop_all(self) -> bool:
        self.used_up = self._ends is not None and time.monotonic() >= self._ends
        return self.used_up


class _Watch(tune.Callback):
    """Records the events of the trials."""

    def __init__(self, plan: Plan, recorder: Recorder, observer: Observer, budget: _Budget, again: list[Trial]) -> None:
        self._plan, self._recorder, self._observer, self._budget = plan, recorder, observer, budget
        self._again = {trial.trial: trial.params for trial in again}
        self._names: dict[str, str] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {}  # Tune pickles its callbacks, and files and threads cannot be pickled

    def on_trial_start(self, trial: Any, **_: Any) -> None:
        name = next((name for name, params in self._again.items() if params == trial.config), None)
        if name is None:
            name = f"{len(self._recorder.study.trials) + 1:03d}"
        self._again.pop(name, None)
        self._names[trial.trial_id] = name
        self._recorder.started(name, dict(trial.config))
        self._observer.begun(name)

    def on_trial_result(self, trial: Any, result: dict[str, Any], **_: Any) -> None:
        self._recorder.figures(self._names[trial.trial_id], result["figures"])

    def on_trial_complete(self, trial: Any, **_: Any) -> None:
        last, step = trial.last_result, self._plan.search.step
        if last.get("step") == last.get("steps"):
            self._end(trial, "finished", f"it did all its {last['steps']} {step}s")
        elif self._budget.used_up:
            self._end(trial, "interrupted", self._budget.because)
        else:
            reduction = self._plan.search.reduction
            share = {2: "half", 3: "third"}.get(reduction, f"{reduction}th")
            self._end(trial, "stopped", f"ASHA: after {last['step']} {step}s it was not among the best {share}")

    def on_trial_error(self, trial: Any, **_: Any) -> None:
        self._end(trial, "failed", _sentence(_error_of(trial)))

    def _end(self, trial: Any, state: Any, because: str) -> None:
        name = self._names.get(trial.trial_id)
        if name is not None and name in self._recorder.running():
            self._observer.ended(self._recorder.ended(name, state, because), trial)


def _error_of(trial: tune.experiment.Trial) -> BaseException | None:
    """The error of a trial. Tune writes it to a local file at once, and copies the file to the storage later."""
    file = trial.pickled_error_file
    return ray.cloudpickle.loads(Path(file).read_bytes()) if file and Path(file).exists() else None


def _sentence(error: BaseException | None) -> str:
    """Why a trial failed, for a person."""
    cause = getattr(error, "cause", None) or error
    if isinstance(cause, TrainingError):
        return str(cause)
    if cause is None or type(cause).__name__ in ("ActorDiedError", "RayActorError", "WorkerCrashedError"):
        return "the process of the trial ended unexpectedly"
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
    return f"{type(cause).__name__}: {lines[-1][:300]}" if lines else type(cause).__name__
