"""A new model from a dataset: a request, checked against the dataset's profile, becomes a spec with data beside it.

The page, HTTP and ``python -m training.add`` all come here.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol, get_args

import tomlkit
from pydantic import BaseModel, ConfigDict, Field

from models import specs
from models.specs import ColumnKind, ModelSpec, Question, folders
from settings import Settings
from training.runs.errors import OptionError, full_disk_as_data_error

MOST_CLASSES = 100
MOST_STEPS = 10
NUMBERS = ("standard", "min-max", "max-abs", "normalize", "power", "power-box-cox")
IMPUTED = ("impute-mean", "impute-median", "impute-most-frequent", "impute-constant")
# The steps that a column of a kind can have.
STEPS: dict[ColumnKind, tuple[str, ...]] = {
    "number": (*NUMBERS, *IMPUTED),
    "boolean": (*NUMBERS, *IMPUTED),
    "date": (*NUMBERS, *IMPUTED),
    "category": ("impute-most-frequent", "impute-constant", "one-hot", "ordinal", "categories"),
    "text": ("hash-words", "hash-tokens", "count-words"),
}
OWN_STEP = re.compile(r"own:([A-Za-z_][A-Za-z0-9_]{0,63})")
TITLE = r"[^\x00-\x1f\x7f]*"


class ColumnChoice(BaseModel):
    """What a person chose for a column; what is left out stays as the profile suggests."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    use: bool | None = Field(None, description="whether the column is a feature")
    kind: ColumnKind | None = Field(None, description="what its cells hold")
    preprocess: list[str] | None = Field(None, max_length=MOST_STEPS, description="the steps, in their order")
    unit: str | None = Field(None, max_length=30, pattern=f"^{TITLE}$")


class NewModel(BaseModel):
    """``POST /models``: a model from a dataset. What is left out is chosen from the dataset's profile."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(
        max_length=40,
        pattern=f"^{specs.NAME.pattern}$",
        description="its name in routes and commands: lower-case letters, digits and hyphens",
        examples=["quality"],
    )
    dataset: str = Field(max_length=80, description="id of a dataset, from POST /datasets")
    target: str | None = Field(None, max_length=500, description="the column to predict; of tables only")
    kind: Question | None = Field(None, description="the kind of question; of tables only")
    positive: str | None = Field(None, max_length=500, description="of two classes, the one to give probabilities of")
    title: str | None = Field(None, min_length=1, max_length=60, pattern=f"^{TITLE}$", description="on the page")
    question: str | None = Field(None, min_length=1, max_length=200, pattern=f"^{TITLE}$")
    columns: dict[str, ColumnChoice] = Field({}, description="choices for columns, by name; of tables only")


class Suggestion(Protocol):
    """What a profile suggests for a column."""

    use: bool
    kind: ColumnKind | None
    preprocess: Sequence[str]
    why: str


class Column(Protocol):
    """A column of a profile; ``kind`` may be identifier or constant, too."""

    name: str
    kind: str
    missing: int
    distinct: int
    top: Sequence[Any]
    suggestion: Suggestion


class Target(Protocol):
    """The target that a profile proposes."""

    column: str
    kind: Question
    labels: Sequence[str]
    positive: str | None


class Dataset(Protocol):
    """A dataset with its profile, as ``training.datasets.store`` keeps it."""

    dataset: str
    family: specs.Family
    name: str
    columns: Sequence[Column]
    classes: Sequence[Any]
    target: Target | None


def add(wanted: NewModel, dataset: Dataset, data: Path, settings: Settings) -> ModelSpec:
    """Write the model's spec, with the dataset's file or folder ``data`` beside it; from then on it exists.

    Raises OptionError naming what is wrong in the request, CannotAdd, DataError for a full disk.
    """
    folders.refuse(wanted.name)
    text = spec_text(wanted, dataset, data.suffix, settings)
    with full_disk_as_data_error(), folders.adding(wanted.name) as folder:
        _put(data, folder / _file_name(dataset, data.suffix))
        (folder / specs.FILE).write_text(text, encoding="utf-8")
    return specs.get(wanted.name)


def _put(data: Path, there: Path) -> None:
    """The same files under another name where the disk can do that, else copies."""

    def put(source: str, destination: str) -> None:
        try:
            os.link(source, destination)
        except OSError:
            shutil.copyfile(source, destination)

    if data.is_dir():
        shutil.copytree(data, there, copy_function=put)
    else:
        put(str(data), str(there))


def _file_name(dataset: Dataset, suffix: str) -> str:
    return "pictures" if dataset.family == "image" else f"data{suffix}"


def spec_text(wanted: NewModel, dataset: Dataset, suffix: str, settings: Settings) -> str:
    """The spec in TOML. Raises OptionError naming the field of the request that is wrong."""
    write = _of_pictures if dataset.family == "image" else _of_rows
    data, question, columns = write(wanted, dataset, settings)
    document = tomlkit.document()
    document["name"] = wanted.name
    document["family"] = dataset.family
    document["title"] = _title(wanted)
    document["question"] = wanted.question or question
    place = "folder" if dataset.family == "image" else "file"
    document["data"] = {"title": dataset.name, place: _file_name(dataset, suffix), **data}
    if columns:
        table = tomlkit.table()
        for name, choice in columns.items():
            inline = tomlkit.inline_table()
            inline.update(choice)
            table.add(name, inline)
        document["columns"] = table
    return tomlkit.dumps(document)


def _title(wanted: NewModel) -> str:
    taken = specs.SCREENS | {spec.title for spec in specs.all_specs().values()}
    if wanted.title is None:
        plain = wanted.name.replace("-", " ").capitalize()
        return next(title for title in (plain, wanted.name, f"{plain} (own)") if title not in taken)
    if wanted.title in taken:
        raise _wrong(f"a model, or a screen of the page, is titled {wanted.title!r} already", "title")
    return wanted.title


Part = tuple[dict[str, Any], str, dict[str, dict[str, Any]]]


def _of_pictures(wanted: NewModel, dataset: Dataset, settings: Settings) -> Part:  # noqa: ARG001 - as of rows
    """What is in a spec of pictures only: its data, its question, no columns."""
    for field in ("target", "kind", "positive", "columns"):
        if getattr(wanted, field):
            raise _wrong("a model of pictures has none; it is for tables", field)
    return {"labels": [each.label for each in dataset.classes]}, "What does a picture show?", {}


def _of_rows(wanted: NewModel, dataset: Dataset, settings: Settings) -> Part:
    """What is in a spec of rows only: its data, its question, its columns."""
    columns = {column.name: column for column in dataset.columns}
    target = _target(wanted, dataset, columns)
    data: dict[str, Any] = {"target": target.name, "kind": _kind(wanted, dataset, target)}
    if data["kind"] == "regression":
        _refuse_positive(wanted, "of two classes")
    else:
        labels = _labels(target, dataset)
        data["labels"] = {label: label for label in labels}
        if data["kind"] == "binary":
            data["positive"] = _positive(wanted, dataset, target, labels)
        else:
            _refuse_positive(wanted, "of two classes")
    for name, choice in wanted.columns.items():
        if name not in columns:
            raise _wrong(f"there is no such column; there are: {_listed(columns)}", "columns", name)
        if name == target.name:
            data |= _unit_of_target(choice, data["kind"])
    chosen = {
        name: _column(column, wanted.columns.get(name, ColumnChoice()), settings)
        for name, column in columns.items()
        if name != target.name
    }
    if not any(choice.get("use", True) for choice in chosen.values()):
        raise _wrong(f"no column is left to predict {target.name!r} from", "columns")
    return data, f"What is the {target.name}?"[:200], chosen


def _target(wanted: NewModel, dataset: Dataset, columns: dict[str, Column]) -> Column:
    name = wanted.target or (dataset.target.column if dataset.target else None)
    if name is None:
        raise _wrong(f"name the column to predict; there are: {_listed(columns)}", "target")
    if name not in columns:
        raise _wrong(f"there is no column {name[:80]!r}; there are: {_listed(columns)}", "target")
    column = columns[name]
    if column.distinct < 2:
        raise _wrong(f"column {name!r} has one value only, so there is nothing to predict", "target")
    if column.kind == "identifier":
        raise _wrong(f"column {name!r} is an identifier: (nearly) every row has a value of its own", "target")
    return column


def _kind(wanted: NewModel, dataset: Dataset, target: Column) -> Question:
    """The kind of the question, which must fit the column."""
    proposed = dataset.target.kind if dataset.target and dataset.target.column == target.name else None
    is_number = target.kind in ("number", "date")
    usual: Question = "binary" if target.distinct == 2 else "regression" if is_number else "multiclass"
    kind = wanted.kind or proposed or usual
    field = "kind" if wanted.kind else "target"
    if kind == "regression" and target.kind != "number":
        raise _wrong(f"column {target.name!r} holds {_kind_in_words(target)}, no numbers, so it has classes", field)
    if kind == "binary" and target.distinct != 2:
        raise _wrong(f"column {target.name!r} has {target.distinct:,} different values, not two", field)
    if kind == "multiclass" and target.distinct == 2:
        raise _wrong(f"column {target.name!r} has two values only; that is binary", field)
    if kind == "multiclass" and target.distinct > MOST_CLASSES:
        many = f"column {target.name!r} has {target.distinct:,} different values"
        raise _wrong(f"{many}; a model has at most {MOST_CLASSES} classes", field)
    return kind


def _kind_in_words(column: Column) -> str:
    words = {"category": "categories", "boolean": "true or false", "text": "text", "date": "dates"}
    return words.get(column.kind, column.kind)


def _labels(target: Column, dataset: Dataset) -> list[str]:
    """The values of a target of classes."""
    if dataset.target and dataset.target.column == target.name and dataset.target.labels:
        return [str(label) for label in dataset.target.labels]
    labels = [str(each.value) for each in target.top]
    if len(labels) < target.distinct:
        raise _wrong(f"column {target.name!r} has too many different values to be classes", "target")
    return sorted(labels)


def _positive(wanted: NewModel, dataset: Dataset, target: Column, labels: list[str]) -> str:
    if wanted.positive is None:
        proposed = dataset.target.positive if dataset.target and dataset.target.column == target.name else None
        # The rarer one is what people look for.
        return str(proposed) if proposed is not None else str(list(target.top)[-1].value)
    if wanted.positive not in labels:
        problem = f"column {target.name!r} has no value {wanted.positive[:80]!r}; it has {' and '.join(labels)}"
        raise _wrong(problem, "positive")
    return wanted.positive


def _refuse_positive(wanted: NewModel, which: str) -> None:
    if wanted.positive is not None:
        raise _wrong(f"only a model {which} has a positive one", "positive")


def _unit_of_target(choice: ColumnChoice, kind: Question) -> dict[str, str]:
    if choice.use is not None or choice.kind is not None or choice.preprocess is not None:
        raise _wrong("it is the target; only its unit can be given", "columns")
    return {"unit": choice.unit} if choice.unit and kind == "regression" else {}


def _column(column: Column, choice: ColumnChoice, settings: Settings) -> dict[str, Any]:
    """A column as the spec describes it."""
    suggested = column.suggestion
    if not (suggested.use if choice.use is None else choice.use):
        return {"use": False}
    kind = choice.kind or suggested.kind
    if kind is None:
        problem = f"it is {'an' if column.kind == 'identifier' else 'a'} {column.kind}; to use it, say its kind"
        raise _wrong(f"{problem}: {_listed(get_args(ColumnKind))}", "columns", column.name, "kind")
    if kind in ("number", "boolean", "date") and column.kind in ("category", "text"):
        problem = f"it holds {_kind_in_words(column)}, so it is no {kind}"
        raise _wrong(problem, "columns", column.name, "kind")
    described: dict[str, Any] = {"kind": kind}
    steps = choice.preprocess
    if steps is None and kind == suggested.kind:
        steps = list(suggested.preprocess)
    if steps is not None:
        for step in steps:
            _check_step(step, kind, settings, column.name)
        described["preprocess"] = list(steps)
    if choice.unit:
        described["unit"] = choice.unit
    return described


def _check_step(step: str, kind: ColumnKind, settings: Settings, column: str) -> None:
    """Raise OptionError for a step that is unknown or does not fit the kind."""
    own = OWN_STEP.fullmatch(step)
    if own and (settings.air_home / "preprocessors" / f"{own[1]}.py").is_file():
        return
    if step in STEPS[kind]:
        return
    known = {name for names in STEPS.values() for name in names}
    if own:
        problem = f"there is no {own[1]}.py in AIR_HOME/preprocessors"
    elif step in known:
        problem = f"{step} does not fit a column of the kind {kind}; these do: {_listed(STEPS[kind])}"
    else:
        problem = f"there is no step {step[:60]!r}; for the kind {kind} there are: {_listed(STEPS[kind])}"
    raise _wrong(problem, "columns", column, "preprocess")


def _listed(names: Iterable[str]) -> str:
    """Names in a sentence, the first dozen of many."""
    names = list(names)
    rest = f" and {len(names) - 12} more" if len(names) > 12 else ""
    return ", ".join(name[:60] for name in names[:12]) + rest


def _wrong(problem: str, *field: str) -> OptionError:
    return OptionError(list(field), problem, within=None)
