"""Look for better parameters: Ray Tune runs trials, Optuna draws them, ASHA gives up on the bad ones.

    python -m training.tuning breast-cancer
    python -m training.tuning breast-cancer --preset chapter
    python -m training.tuning cifar10 --num-samples 8 --time-budget-s 600
    python -m training.tuning --resume STUDY

Stages: read the data once → trials → the best one, as a training configuration. Ctrl-C keeps the
trials that have ended; ``--resume`` goes on with the others. ``python -m training.tuning.studies`` shows them.
"""

from __future__ import annotations

import json
import shlex
import signal
import sys
from datetime import datetime
from typing import Any

import numpy as np

from settings import MODEL_NAMES, Settings, SettingsError, available_cpus, get_settings
from training.results import publishing, tracking
from training.runs import fitting, ray_session
from training.runs.config import TRAINERS, from_command_line
from training.runs.errors import ConfigError, TrainingError
from training.runs.progress import Listener
from training.runs.records import new_id
from training.tuning import studies
from training.tuning.config import TUNE_SCHEMAS, TuneBreastCancer, TuneCifar10, TuneJob
from training.tuning.recorder import Recorder, recording
from training.tuning.studies import Best, Header, Trial


def tune(
    config: TuneJob, settings: Settings, listener: Listener | None = None, run_name: str | None = None
) -> dict[str, Any]:
    """Run a study; returns its id, the number of trials, ``best`` and ``config``, the training to do with it.

    ``listener`` is told where it is. A study of the same ``run_name`` that was cut off is gone on with:
    trials that have ended are not run again. Raises TrainingError.
    """
    listener = listener or Listener()
    listener.stage("reading the data")
    config = config.written_out()
    header = header_of(config, run_name or new_id(datetime.now().astimezone()))
    store = studies.Store(settings)
    begun = _begun(store, header)
    if begun is not None and begun.state == "succeeded":
        return outcome(begun)
    with recording(store.root, header) as recorder:
        try:
            _run(config, settings, listener, recorder)
        except Exception as error:
            said = str(error) if isinstance(error, TrainingError) else f"The study failed ({type(error).__name__})."
            end(recorder, "failed", said)
            raise
        except BaseException:
            end(recorder, "stopped")
            raise
        end(recorder, "succeeded")
        return outcome(recorder.study)


def header_of(config: TuneJob, study: str) -> Header:
    """What is written down of a study of this id before its first trial; ``config`` is written out."""
    search = config.search
    return Header(
        study=study,
        model=config.MODEL,
        state="running",
        metric=search.metric,
        mode=search.mode,
        step=search.step,
        config=config.model_dump(mode="json"),
        num_samples=search.num_samples,
        created=datetime.now().astimezone().isoformat(timespec="seconds"),
    )


def outcome(study: studies.Study) -> dict[str, Any]:
    """What a study that succeeded has found."""
    return {
        "study": study.study,
        "trials": len(study.trials),
        "best": study.best.model_dump(exclude={"config"}),
        "config": study.best.config,
    }


def _begun(store: studies.Store, header: Header) -> studies.Study | None:
    """The study of this name; None when there is none. Raises ConfigError if it was begun with something else."""
    if not (store.root / header.study / studies.STUDY).exists():
        return None
    known = store.read(header.study)
    if (known.model, known.config) != (header.model, header.config):
        raise ConfigError(f"The study {known.study} was begun with other options; give it another name.")
    return known


def end(recorder: Recorder, state: studies.StudyState, error: str | None = None) -> None:
    """Write down how a study ended; its trials that still run are cut off."""
    for trial in recorder.running():
        recorder.ended(trial, "interrupted", studies.CUT_OFF if error else "the study was stopped")
    recorder.save(state=state, error=error, ended=datetime.now().astimezone().isoformat(timespec="seconds"))


def _run(config: TuneJob, settings: Settings, listener: Listener, recorder: Recorder) -> None:
    registry = publishing.open_registry(settings)
    ray_session.connect(settings)
    from training.tuning import search as searching  # Ray Tune takes seconds to import; a wrong option should not wait
    from training.tuning.mlflow_runs import StudyRuns

    prepare = {"breast-cancer": _prepare_breast_cancer, "cifar10": _prepare_cifar10}[config.MODEL]
    plan, about = prepare(config, settings)
    study = recorder.study
    with tracking.run(registry.client, config.MODEL, f"tune {study.study}", study.run_id) as run:
        if study.run_id is None:
            recorder.save(run_id=run.run_id, data=about)
            run.params(config.model_dump() | {"space": _json(config.search.space), "metric": config.search.metric})
            run.tags({f"data.{name}": value for name, value in about.items()})
            run.tags({"study": study.study, "command": publishing.command_line()})
        listener.stage("tuning")
        with StudyRuns(registry.client, run.run_id, study) as runs:
            told = Told(config, recorder, runs, listener)
            in_time = searching.search(plan, recorder, told, fitting.run_storage(settings))
        best = recorder.study.best
        if best is None:
            raise TrainingError(_why_no_best(recorder, config, in_time))
        listener.stage("keeping the best")
        run.metrics({f"best_{config.search.metric}": best.value}, step=len(recorder.study.trials))
        run.tags({"best.trial": best.trial, "best.config": json.dumps(best.config)})
        runs.keep_model(best.trial, recorder.folder / f"{studies.CHECKPOINT}{best.trial}")


def _why_no_best(recorder: Recorder, config: TuneJob, in_time: bool) -> str:
    failed = [trial for trial in recorder.study.trials if trial.state == "failed"]
    if failed:
        return f"No trial came to its end; the first that failed: {failed[0].stopped_because}"
    if not in_time:
        return f"No trial came to its end within time_budget_s={config.time_budget_s:g}; give it more."
    return "No trial came to its end."


class Told:
    """Tells the listener, the terminal and MLflow of each trial, and keeps the best so far."""

    def __init__(self, config: TuneJob, recorder: Recorder, runs: Any, listener: Listener) -> None:
        self._config, self._recorder, self._runs, self._listener = config, recorder, runs, listener
        self._tell_step()

    def begun(self, trial: str) -> None:  # noqa: ARG002 - which one does not matter here
        """A trial has begun."""
        self._tell_step()

    def ended(self, trial: Trial, tune_trial: Any) -> None:
        """A trial has ended."""
        self._runs.add(trial)
        study, metric = self._recorder.study, self._config.search.metric
        best = study.best_trial()
        if best is not None and (study.best is None or best.trial != study.best.trial):
            if tune_trial.checkpoint is not None and best.trial == trial.trial:
                self._recorder.keep_model(best.trial, tune_trial.checkpoint.to_directory)
            training = self._config.TUNABLE.training_config(self._config.base, best.params)
            told = Best(
                trial=best.trial, value=best.value(metric), params=best.params, config=training.model_dump(mode="json")
            )
            self._recorder.save(best=told)
        value, best_value = trial.value(metric), self._recorder.study.best and self._recorder.study.best.value
        if value is not None:
            self._listener.epoch(
                int(trial.trial), {metric: value, "best": best_value if best_value is not None else value}
            )
        self._tell_step()
        figure = "" if value is None else f"  {metric} {value:.4f}"
        print(f"trial {trial.trial} of {study.num_samples}: {trial.state}{figure}  {trial.stopped_because}", flush=True)

    def _tell_step(self) -> None:
        study = self._recorder.study
        done = sum(trial.state in studies.ENDED for trial in study.trials)
        note = {"running": str(sum(trial.state == "running" for trial in study.trials))}
        if study.best is not None:
            note["best"] = f"{study.metric} {study.best.value:.4f}"
        self._listener.step(done, study.num_samples, note)


def _prepare_breast_cancer(config: TuneBreastCancer, settings: Settings) -> tuple[Any, dict[str, str]]:  # noqa: ARG001
    from ray import tune as ray_tune

    from models.table.model import scale
    from training.datasets import tables as dataset
    from training.table import train as breast_cancer
    from training.tuning import trials

    table = dataset.read_with_ray(config.base.data)
    preprocessor = breast_cancer.fit_preprocessor(table, breast_cancer.scaled_columns(config.base, table.features))
    rows = {}
    for split in ("train", "validation"):
        matrix, malignant = table.part(split)
        rows[split] = (scale(matrix, table.features, preprocessor), malignant.astype(np.int8))
    rounds = config.search.space.get("num_boost_round")
    longest = max(rounds.ends()) if rounds else config.base.num_boost_round
    trainable = ray_tune.with_parameters(trials.breast_cancer, study=config, rows=rows)
    return _plan(config, trainable, longest), {"source": table.source, "fingerprint": table.fingerprint()}


def _prepare_cifar10(config: TuneCifar10, settings: Settings) -> tuple[Any, dict[str, str]]:
    import ray
    from ray import tune as ray_tune

    from training.image import data as cifar10_data
    from training.tuning import trials

    loaded = cifar10_data.load(settings, config.base.model_copy(update={"max_images": config.max_images}))
    setup = loaded.setup(config.base) | {"threads": max(1, available_cpus() // config.at_once(available_cpus()))}
    trainable = ray_tune.with_parameters(trials.cifar10, study=config, setup=setup)
    gpus = min(1.0, ray.cluster_resources().get("GPU", 0) / config.at_once(available_cpus()))
    plan = _plan(config, trainable, config.epochs, gpus)
    return plan, {"source": loaded.splits.source, "fingerprint": loaded.splits.fingerprint()}


def _plan(config: TuneJob, trainable: Any, longest: int, gpus: float = 0) -> Any:
    from training.tuning.search import Plan

    usual = config.TUNABLE.defaults(config.base)
    first = {name: usual[name] for name in config.search.space}
    possible = all(dimension.has(first[name]) for name, dimension in config.search.space.items())
    return Plan(
        trainable=trainable,
        search=config.search,
        seed=config.seed,
        longest=longest,
        max_concurrent=config.at_once(available_cpus()),
        time_budget_s=config.time_budget_s,
        gpus=gpus,
        # The defaults are tried first: what is found is then never worse than they are.
        first=first if possible and config.search.sampler == "tpe" else None,
    )


def _json(space: Any) -> str:
    return json.dumps({name: dimension.model_dump(mode="json") for name, dimension in space.items()})


def train_command(model: str, config: dict[str, Any]) -> str:
    """The command line that trains with a configuration; options that have their default are left out."""
    usual = TUNE_SCHEMAS[model].TUNABLE.schema().model_dump(mode="json")
    words = ["python", "-m", TRAINERS[model]]
    for name, value in config.items():
        if value == usual[name]:
            continue
        given = [f"{key}={item}" for key, item in value.items()] if isinstance(value, dict) else [str(value)]
        for item in given:
            words += [f"--{name.replace('_', '-')}", item]
    return shlex.join(words)


def _from_command_line(arguments: list[str]) -> tuple[TuneJob, str | None]:
    """The configuration, and the study to go on with."""
    match arguments:
        case ["--resume", study_id]:
            study = studies.read(studies.Store(get_settings()).own_folder(study_id))
            return TUNE_SCHEMAS[study.model].model_validate(study.config), study_id
        case [model, *options] if model in TUNE_SCHEMAS:
            return from_command_line(TUNE_SCHEMAS[model], options), None
        case ["-h" | "--help"]:
            print(__doc__)
            raise SystemExit(0)
    raise ConfigError(f"Name a model, {' or '.join(MODEL_NAMES)}, or a study with --resume STUDY; see --help.")


def main(arguments: list[str]) -> int:
    """Command line; returns the exit status."""
    study_id = None
    try:
        config, study_id = _from_command_line(arguments)
        settings = get_settings()
        study_id = study_id or new_id(datetime.now())
        ray_session.connect(settings)
        # Ray puts a handler of its own in place, which ends the process at once.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        print(f"study {study_id}", flush=True)
        outcome = tune(config, settings, run_name=study_id)
    except (TrainingError, SettingsError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        if study_id:
            print(f"\nstopped; go on with: python -m training.tuning --resume {study_id}", file=sys.stderr)
        return 130
    best = outcome["best"]
    print(f"\nstudy {outcome['study']}: {config.search.metric} {best['value']:.4f} in trial {best['trial']}")
    print("  ".join(f"{name} {value:.4g}" for name, value in best["params"].items()))
    print(f"train with these: {train_command(config.MODEL, outcome['config'])}")
    return 0
