"""Predict many rows or pictures at once: Ray Data reads, a pool of actors with the model predicts.

    python -m training.batch_predict cifar10                                   the test set
    python -m training.batch_predict cifar10 --data holiday.zip --output answers
    python -m training.batch_predict breast-cancer --data s3://bucket/rows.csv --num-workers 4

It was ``BatchPredictor`` in Ray 2.2. Writes ``predictions.csv`` and ``predictions.parquet`` with one
row per input, in order. An input that cannot be read becomes a row with an error. Data is streamed, so
memory does not depend on its size.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from models import specs
from models.artifact import checkpoint, storage
from models.artifact.checkpoint import CheckpointError
from models.registry import RegisteredVersion, UnknownVersion
from models.specs import Family, ModelSpec
from settings import Settings, SettingsError, get_settings
from training.batch_predict.results import CSV, PARQUET
from training.batch_predict.sources import Source, open_source
from training.batch_predict.worker import BEGAN, PicturePredictor, Predictor, RowPredictor
from training.datasets.csv import formulas
from training.results import publishing
from training.runs import ray_session
from training.runs.config import BatchPredict, BatchPredictCommand, from_command_line
from training.runs.errors import ConfigError, TrainingError, innermost
from training.runs.progress import Listener

PICTURES_AT_ONCE, ROWS_AT_ONCE = 256, 4_096
# In logical CPUs: a pool of 16 must fit on a laptop beside the replicas that serve.
ACTOR_CPUS = 0.25
# Without it, Excel reads the file in the code page of its country.
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def predict(
    spec: ModelSpec, config: BatchPredict, settings: Settings, output: Path, listener: Listener | None = None
) -> dict[str, Any]:
    """Write the predictions into the folder ``output``; returns counts, seconds and file names.

    Reports progress to ``listener``. Raises TrainingError; then nothing half-written is left.
    """
    listener = listener or Listener()
    listener.stage("reading the data")
    ray_session.connect(settings)
    _in_small_blocks_in_order(settings)
    version = _version(spec.name, config.version, settings)
    metadata = storage.read_metadata(version.source)
    with open_source(spec, config, metadata, settings) as source:
        listener.stage("starting the workers")
        batches = _answers(source, version.source, spec.family, config.num_workers)
        return {"version": version.version, **keep(source, batches, output, listener)}


def keep(source: Source, batches: Iterator[pa.Table], output: Path, listener: Listener) -> dict[str, Any]:
    """Write the answers to a source into the folder ``output`` as they come; returns counts, seconds and file names.

    Raises TrainingError, and then leaves no incomplete file.
    """
    tally = _Tally(source, time.time(), listener)
    _write(output, (tally.count(batch) for batch in batches))
    return {"source": source.name, **tally.result(), "files": [CSV, PARQUET]}


def _version(model: str, wanted: str, settings: Settings) -> RegisteredVersion:
    registry = publishing.open_registry(settings)
    try:
        version = registry.resolve(model, wanted)
        checkpoint.verify(storage.fetch(version.source, settings))
    except (UnknownVersion, CheckpointError) as error:
        raise ConfigError(f"version: {error}") from error
    return version


def _in_small_blocks_in_order(settings: Settings) -> None:
    """Configure Ray Data; a data set keeps the context that it was made in, so call this before the first one."""
    import ray

    context = ray.data.DataContext.get_current()
    context.execution_options.preserve_order = True
    context.target_max_block_size = settings.air_block_mb * 1024**2


def predictor_of(source: Source, model: str, family: Family) -> tuple[type[Predictor], tuple[Any, ...], int]:
    """What answers the inputs of a source: a class, what it is made with, and how many inputs it takes at once."""
    if family == "table":
        return RowPredictor, (model,), ROWS_AT_ONCE
    return PicturePredictor, (model, source.raw, source.root), PICTURES_AT_ONCE


def _answers(source: Source, model: str, family: Family, workers: int) -> Iterator[pa.Table]:
    """The answers to all inputs, in their order. Raises TrainingError."""
    import ray

    predictor, arguments, at_once = predictor_of(source, model, family)
    answers = source.data.map_batches(
        predictor,
        fn_constructor_args=arguments,
        batch_size=at_once,
        batch_format="pyarrow",
        zero_copy_batch=True,
        compute=ray.data.ActorPoolStrategy(size=workers),
        num_cpus=ACTOR_CPUS,
    )
    try:
        yield from answers.iter_batches(batch_size=None, batch_format="pyarrow")
    except Exception as error:
        # Ray wraps an actor's error in its own types.
        raise TrainingError(f"The prediction stopped: {innermost(error)}") from error


class _Tally:
    """Counts the answers as they come, and reports progress."""

    def __init__(self, source: Source, began: float, listener: Listener) -> None:
        self._source, self._began, self._listener = source, began, listener
        self._first: float | None = None
        self._labels: Counter[str] = Counter()
        self.rows = self.errors = self.unsure = self.right = 0
        self.squared = 0.0

    def count(self, batch: pa.Table) -> pa.Table:
        """Count a batch; returns it without internal columns."""
        first = pc.min(batch[BEGAN]).as_py()
        if self._first is None:
            self._listener.stage("predicting")
        self._first = min(first, self._first or first)
        self.rows += len(batch)
        self.errors += len(batch) - batch["error"].null_count
        if "label" in batch.column_names:
            self._labels.update(label for label in batch["label"].to_pylist() if label is not None)
        if "unsure" in batch.column_names:
            self.unsure += pc.sum(batch["unsure"]).as_py() or 0
        if "truth" in batch.column_names and "label" in batch.column_names:
            self.right += pc.sum(pc.equal(batch["label"], batch["truth"])).as_py() or 0
        elif "truth" in batch.column_names:
            self.squared += pc.sum(pc.power(pc.subtract(batch["value"], batch["truth"]), 2)).as_py() or 0.0
        rate = self.rows / max(time.time() - self._first, 1e-6)
        self._listener.step(self.rows, max(self.rows, self._source.rows), {"rows/s": f"{rate:,.0f}"})
        self._columns = batch.column_names
        return batch.drop_columns([BEGAN])

    def result(self) -> dict[str, Any]:
        """The counts and seconds of all batches. Raises TrainingError when there were none."""
        if self._first is None:
            raise TrainingError(f"There is nothing to predict in {self._source.name}.")
        counted = {"rows": self.rows, "errors": self.errors, "labels": dict(self._labels.most_common())}
        if "unsure" in self._columns:
            counted["unsure"] = self.unsure
        if "truth" in self._columns and "label" in self._columns:
            counted["right"] = self.right
        elif "truth" in self._columns and self.rows > self.errors:
            counted["rmse"] = (self.squared / (self.rows - self.errors)) ** 0.5
        seconds = {"seconds": time.time() - self._first, "startup_s": self._first - self._began}
        return counted | {name: round(value, 2) for name, value in seconds.items()}


def _write(output: Path, batches: Iterator[pa.Table]) -> None:
    """Write both files as the batches come; they get their names when they are complete."""
    output.mkdir(parents=True, exist_ok=True)
    halves = {name: output / f".{name}.half" for name in (CSV, PARQUET)}
    try:
        with ExitStack() as opened:
            writers: list[Any] = []
            for batch in batches:
                safe = _without_formulas(batch)
                if not writers:
                    text = opened.enter_context(halves[CSV].open("wb"))
                    text.write(BYTE_ORDER_MARK)
                    writers.append(opened.enter_context(pyarrow.csv.CSVWriter(text, safe.schema)))
                    writers.append(opened.enter_context(pq.ParquetWriter(halves[PARQUET], batch.schema)))
                writers[0].write_table(safe)
                writers[1].write_table(batch)
        for name, half in halves.items():
            if half.exists():
                half.replace(output / name)
    except OSError as error:
        raise TrainingError(f"The result cannot be written to {output}: {error.strerror or error}.") from error
    finally:
        for half in halves.values():
            half.unlink(missing_ok=True)


def _without_formulas(batch: pa.Table) -> pa.Table:
    """The batch, safe for a spreadsheet: texts and column names that it would run as formulas are marked."""
    for i, field in enumerate(batch.schema):
        if _is_text(field.type):
            batch = batch.set_column(i, field.name, formulas.mark(batch.column(i)))
    return batch.rename_columns(formulas.mark(pa.array(batch.column_names)).to_pylist())


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _is_text(kind.value_type)
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def main(arguments: list[str]) -> int:
    """Command line; returns the exit status."""
    if not arguments or arguments[0] not in specs.names():
        names = "|".join(specs.names())
        print(f"usage: python -m training.batch_predict {names} [options]; see --help", file=sys.stderr)
        return 2
    try:
        specs.check()
        spec = specs.get(arguments[0])
        config = from_command_line(BatchPredictCommand, spec, arguments[1:])
        result = predict(spec, config, get_settings(), config.output, _Printed())
    except (TrainingError, SettingsError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nstopped; nothing was written", file=sys.stderr)
        return 130
    files = " and ".join(str(config.output / name) for name in result.pop("files"))
    print("  ".join(f"{name} {value}" for name, value in result.items() if name != "labels"))
    print("  ".join(f"{label} {count}" for label, count in result["labels"].items()))
    print(f"in {files}")
    return 0


class _Printed(Listener):
    """Prints the stages on the terminal."""

    def stage(self, name: str) -> None:
        """Print the stage's name."""
        print(name, flush=True)
