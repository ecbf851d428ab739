"""Search for better parameters: Ray Tune runs trials, Optuna draws them, ASHA stops the poor ones early.

    python -m training.tuning breast-cancer
    python -m training.tuning breast-cancer --preset chapter
    python -m training.tuning cifar10 --num-samples 8 --time-budget-s 600
    python -m training.tuning --resume STUDY

Stages: read the data once → trials → the best one, as a training configuration. Ctrl-C keeps the
trials that have ended; ``--resume`` runs the others. ``python -m training.tuning.studies`` shows them.
"""

from __future__ import annotations

import json
import shlex
import signal
import sys
from datetime import datetime
from typing import Any

from models import specs
from models.specs import ModelSpec
from settings import Settings, SettingsError, available_cpus, get_settings
from training import families
from training.results import publishing, tracking
from training.runs import command, fitting, ray_session
from training.runs.config import from_command_line
from training.runs.errors import ConfigError, TrainingError
from training.runs.progress import Listener
from training.runs.records import new_id
from training.tuning import studies
from training.tuning.config import Task, TuneJob
from training.tuning.recorder import Recorder, recording
from training.tuning.reports import Prepared
from training.tuning.studies import Best, Header, Trial


def tune(
    spec: ModelSpec,
    config: TuneJob,
    settings: Settings,
    listener: Listener | None = None,
    run_name: str | None = None,
) -> dict[str, Any]:
    """Run a study; returns its id, the number of trials, ``best``, and ``config``, the training with its parameters.

    Reports progress to ``listener``. Resumes an interrupted study of the same ``run_name``: trials that have ended
    are not run again. Raises TrainingError.
    """
    listener = listener or Listener()
    listener.stage("reading the data")
    task = Task(spec, config.written_out(spec))
    header = header_of(task, run_name or new_id(datetime.now().astimezone()))
    store = studies.Store(settings)
    begun = _begun(store, header)
    if begun is not None and begun.state == "succeeded":
        return outcome(begun)
    with recording(store.root, header) as recorder:
        try:
            _run(task, settings, listener, recorder)
        except Exception as error:
            said = str(error) if isinstance(error, TrainingError) else f"The study failed ({type(error).__name__})."
            end(recorder, "failed", said)
            raise
        except BaseException:
            end(recorder, "stopped")
            raise
        end(recorder, "succeeded")
        return outcome(recorder.study)


def header_of(task: Task, study: str) -> Header:
    """The header of a study with this id, before its first trial; its config has all values."""
    search = task.search
    return Header(
        study=study,
        model=task.spec.name,
        state="running",
        metric=search.metric,
        mode=search.mode,
        step=search.step,
        config=task.config.model_dump(mode="json"),
        num_samples=search.num_samples,
        created=datetime.now().astimezone().isoformat(timespec="seconds"),
    )


def outcome(study: studies.Study) -> dict[str, Any]:
    """The outcome of a study that succeeded."""
    return {
        "study": study.study,
        "trials": len(study.trials),
        "best": study.best.model_dump(exclude={"config"}),
        "config": study.best.config,
    }


def _begun(store: studies.Store, header: Header) -> studies.Study | None:
    """The study of this name, or None. Raises ConfigError if it was begun with other options."""
    if not (store.root / header.study / studies.STUDY).exists():
        return None
    known = store.read(header.study)
    if (known.model, known.config) != (header.model, header.config):
        raise ConfigError(f"The study {known.study} was begun with other options; give it another name.")
    return known


def end(recorder: Recorder, state: studies.StudyState, error: str | None = None) -> None:
    """Record the end of a study; trials that still run become interrupted."""
    for trial in recorder.running():
        recorder.ended(trial, "interrupted", studies.CUT_OFF if error else "the study was stopped")
    recorder.save(state=state, error=error, ended=datetime.now().astimezone().isoformat(timespec="seconds"))


def _run(task: Task, settings: Settings, listener: Listener, recorder: Recorder) -> None:
    registry = publishing.open_registry(settings)
    ray_session.connect(settings)
    from training.tuning import search as searching  # Ray Tune takes seconds to import; a wrong option should not wait
    from training.tuning.mlflow_runs import StudyRuns

    prepared = families.part(task.spec.family, "trials").prepare(task, settings)
    plan, study = _plan(task, prepared), recorder.study
    metric = task.search.metric
    with tracking.run(registry.client, task.spec.name, f"tune {study.study}", study.run_id) as run:
        if study.run_id is None:
            recorder.save(run_id=run.run_id, data=prepared.about)
            run.params(task.config.model_dump() | {"space": _json(task.search.space), "metric": metric})
            run.tags({f"data.{name}": value for name, value in prepared.about.items()})
            run.tags({"study": study.study, "command": publishing.command_line()})
        listener.stage("tuning")
        with StudyRuns(registry.client, run.run_id, study) as runs:
            reporter = StudyReporter(task, recorder, runs, listener)
            in_time = searching.search(plan, recorder, reporter, fitting.run_storage(settings))
        best = recorder.study.best
        if best is None:
            raise TrainingError(_why_no_best(recorder, task.config, in_time))
        listener.stage("keeping the best")
        run.metrics({f"best_{metric}": best.value}, step=len(recorder.study.trials))
        run.tags({"best.trial": best.trial, "best.config": json.dumps(best.config)})
        runs.keep_model(best.trial, recorder.folder / f"{studies.CHECKPOINT}{best.trial}")


def _why_no_best(recorder: Recorder, config: TuneJob, in_time: bool) -> str:
    failed = [trial for trial in recorder.study.trials if trial.state == "failed"]
    if failed:
        return f"No trial finished; the first failure: {failed[0].stopped_because}"
    if not in_time:
        return f"No trial finished within time_budget_s={config.time_budget_s:g}; allow more time."
    return "No trial finished."


class StudyReporter:
    """Reports each trial to the listener, the terminal and MLflow, and keeps the best one."""

    def __init__(self, task: Task, recorder: Recorder, runs: Any, listener: Listener) -> None:
        self._task, self._recorder, self._runs, self._listener = task, recorder, runs, listener
        self._report_step()

    def begun(self, trial: str) -> None:  # noqa: ARG002 - the step counts all trials
        """A trial has begun."""
        self._report_step()

    def ended(self, trial: Trial, tune_trial: Any) -> None:
        """A trial has ended."""
        self._runs.add(trial)
        study, metric = self._recorder.study, self._task.search.metric
        best = study.best_trial()
        if best is not None and (study.best is None or best.trial != study.best.trial):
            if tune_trial.checkpoint is not None and best.trial == trial.trial:
                self._recorder.keep_model(best.trial, tune_trial.checkpoint.to_directory)
            training = self._task.training(best.params)
            found = Best(trial=best.trial, value=best.value(metric), params=best.params, config=training.recorded())
            self._recorder.save(best=found)
        value, best_value = trial.value(metric), self._recorder.study.best and self._recorder.study.best.value
        if value is not None:
            self._listener.epoch(
                int(trial.trial), {metric: value, "best": best_value if best_value is not None else value}
            )
        self._report_step()
        figure = "" if value is None else f"  {metric} {value:.4f}"
        print(f"trial {trial.trial} of {study.num_samples}: {trial.state}{figure}  {trial.stopped_because}", flush=True)

    def _report_step(self) -> None:
        study = self._recorder.study
        done = sum(trial.state in studies.ENDED for trial in study.trials)
        note = {"running": str(sum(trial.state == "running" for trial in study.trials))}
        if study.best is not None:
            note["best"] = f"{study.metric} {study.best.value:.4f}"
        self._listener.step(done, study.num_samples, note)


def _plan(task: Task, prepared: Prepared) -> Any:
    from training.tuning.search import Plan

    search, usual = task.search, task.config.TUNABLE.defaults(task.base)
    first = {name: usual[name] for name in search.space}
    possible = all(dimension.has(first[name]) for name, dimension in search.space.items())
    return Plan(
        trainable=prepared.trainable,
        search=search,
        seed=task.config.seed,
        longest=prepared.longest,
        max_concurrent=task.config.at_once(available_cpus()),
        time_budget_s=task.config.time_budget_s,
        gpus=prepared.gpus,
        # The defaults are tried first, so that the result is never worse than they are.
        first=first if possible and search.sampler == "tpe" else None,
        candidates=prepared.candidates,
    )


def _json(space: Any) -> str:
    return json.dumps({name: dimension.model_dump(mode="json") for name, dimension in space.items()})


def _short(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:.4g}"


def train_command(spec: ModelSpec, config: dict[str, Any]) -> str:
    """The command line that trains with a configuration, without options that have their default."""
    usual = families.TRAIN[spec.family]().completed(spec).model_dump(mode="json")
    words = command.of(spec)
    for name, value in config.items():
        if value == usual[name]:
            continue
        given = [f"{key}={item}" for key, item in value.items()] if isinstance(value, dict) else [str(value)]
        for item in given:
            words += [f"--{name.replace('_', '-')}", item]
    return shlex.join(words)


def _from_command_line(arguments: list[str]) -> tuple[Task, str | None]:
    """The task, and the id of a study to resume."""
    specs.check()
    match arguments:
        case ["--resume", study_id]:
            study = studies.read(studies.Store(get_settings()).own_folder(study_id))
            spec = specs.get(study.model)
            return Task(spec, families.TUNE[spec.family].model_validate(study.config)), study_id
        case [model, *options] if model in specs.names():
            spec = specs.get(model)
            return Task(spec, from_command_line(families.TUNE[spec.family], spec, options)), None
        case ["-h" | "--help"]:
            print(__doc__)
            raise SystemExit(0)
    raise ConfigError(f"Name a model, {' or '.join(specs.names())}, or a study with --resume STUDY; see --help.")


def main(arguments: list[str]) -> int:
    """Command line; returns the exit status."""
    study_id = None
    try:
        task, study_id = _from_command_line(arguments)
        settings = get_settings()
        study_id = study_id or new_id(datetime.now())
        ray_session.connect(settings)
        # Ray's own handler would end the process at once.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        print(f"study {study_id}", flush=True)
        outcome = tune(task.spec, task.config, settings, run_name=study_id)
    except (TrainingError, SettingsError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        if study_id:
            print(f"\nstopped; resume with: python -m training.tuning --resume {study_id}", file=sys.stderr)
        return 130
    best = outcome["best"]
    print(f"\nstudy {outcome['study']}: {task.search.metric} {best['value']:.4f} in trial {best['trial']}")
    print("  ".join(f"{name} {_short(value)}" for name, value in best["params"].items()))
    print(f"train with these: {train_command(task.spec, outcome['config'])}")
    return 0
