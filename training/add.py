"""Add a model of your own data: a CSV or Parquet file with a target, or a ZIP or folder of class folders.

python -m training.add wine.csv --target quality
python -m training.add digits.zip --family image

It says what it chose and why. An app that runs on the same AIR_HOME serves the model within seconds.
"""

from __future__ import annotations

import argparse
import re
import sys
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from models import specs
from models.specs import ModelSpec, folders
from settings import SettingsError, get_settings
from training.datasets import new_model
from training.datasets.new_model import NewModel
from training.datasets.profile import pictures, tables
from training.datasets.store import Dataset
from training.runs import command, sentences
from training.runs.errors import DataError, TrainingError

TABLES = {".csv", ".tsv", ".txt", ".parquet"}


def main(arguments: list[str]) -> int:
    """Command line; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        settings = get_settings()
        specs.check()
        name = options.name or _name_of(options.file)
        folders.refuse(name)
        dataset = _profile(options)
        wanted = NewModel(name=name, dataset=dataset.dataset, **_given(options))
        spec = new_model.add(wanted, dataset, options.file, settings)
    except ValidationError as error:
        print(f"error: {sentences.first_of(error)}", file=sys.stderr)
        return 2
    except (SettingsError, TrainingError, folders.CannotAdd) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    _explain(spec, dataset)
    return 0


def _profile(options: argparse.Namespace) -> Dataset:
    """What is in the file or the folder; of a table with the target that was named. Raises DataError."""
    file, family = options.file, options.family
    if not file.exists():
        raise DataError(f"There is no file {file}.")
    is_table = family == "table" or (family is None and file.suffix.lower() in TABLES)
    wanted = (options.target, options.kind)
    profile = tables.profile(file, file.name, *wanted) if is_table else pictures.profile(file)
    return Dataset(dataset="file", name=file.name, created=datetime.now().astimezone(), **dict(profile))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.add", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path, help="a CSV or Parquet file; a ZIP or a folder of class folders")
    for field in ("name", "target", "positive", "title", "question"):
        about = NewModel.model_fields[field].description
        parser.add_argument(f"--{field}", help=about)
    parser.add_argument("--kind", choices=["binary", "multiclass", "regression"], help="kind of the question")
    parser.add_argument("--family", choices=["table", "image"], help="default: by the file")
    return parser


def _given(options: argparse.Namespace) -> dict[str, str]:
    fields = ("target", "positive", "title", "question", "kind")
    return {field: getattr(options, field) for field in fields if getattr(options, field) is not None}


def _name_of(file: Path) -> str:
    """A model's name from a file's: lower-case letters, digits and hyphens."""
    plain = re.sub("[^a-z0-9]+", "-", file.stem.lower()).strip("-")
    return re.sub("^[^a-z]+", "", plain)[:40].strip("-") or "my-model"


def _explain(spec: ModelSpec, dataset: Dataset) -> None:
    """Print what was chosen and why, and the command that trains the model."""
    print(f"{spec.name}: {spec.title}. {spec.question}")
    if spec.family == "image":
        print(f"classes: {', '.join(spec.data.labels)}")
    else:
        why = f" ({dataset.target.why})" if dataset.target and dataset.target.column == spec.data.target else ""
        print(f"target: {', '.join([spec.data.target, spec.data.kind, *spec.data.classes])}{why}")
        for column in dataset.columns:
            if column.name != spec.data.target:
                chosen = spec.column(column.name)
                steps = " ".join([chosen.kind, *(chosen.preprocess or ())]) if chosen.use else "not used"
                print(f"  {column.name}: {steps} ({column.suggestion.why})")
                for warning in column.warnings:
                    print(f"    note: {warning}")
    for problem in dataset.problems:
        print(f"note: {problem}")
    print(f"in {spec.folder}; train it with: {' '.join(command.of(spec))}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
