"""A new model from a dataset: a request, checked against the dataset's profile, becomes a spec with data beside it.

The page, HTTP and ``python -m training.add`` all come here.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, Protocol, get_args

import tomlkit
from pydantic import BaseModel, ConfigDict, Field, field_validator

from models import specs
from models.specs import ColumnKind, ModelSpec, Question, folders
from models.table import own_steps
from models.table.steps import FITTING
from settings import Settings
from training.datasets import frame as frames
from training.datasets.frame import Frame
from training.datasets.profile import tables
from training.datasets.profile.reports import ClassCount, ColumnProfile, Target
from training.datasets.store import file_name
from training.runs.errors import DataError, OptionError, full_disk_as_data_error

MOST_STEPS = 10
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
        description="its name in routes and commands: at most 40 lower-case letters, digits and hyphens",
        examples=["quality"],
        json_schema_extra={"pattern": f"^{specs.NAME.pattern}$"},
    )
    dataset: str = Field(max_length=80, description="id of a dataset, from POST /datasets")
    target: str | None = Field(None, max_length=500, description="the column to predict; of tables only")
    kind: Question | None = Field(None, description="the kind of question; of tables only")
    positive: str | None = Field(None, max_length=500, description="of two classes, the one to give probabilities of")
    title: str | None = Field(None, min_length=1, max_length=60, pattern=f"^{TITLE}$", description="on the page")
    question: str | None = Field(None, min_length=1, max_length=200, pattern=f"^{TITLE}$")
    columns: dict[str, ColumnChoice] = Field({}, description="choices for columns, by name; of tables only")

    @field_validator("name")
    @classmethod
    def _usable(cls, name: str) -> str:
        if not specs.NAME.fullmatch(name):
            raise ValueError("must be a letter and at most 39 more letters (a to z), digits and hyphens")
        return name


class Dataset(Protocol):
    """A dataset with its profile, as ``training.datasets.store`` keeps it."""

    dataset: str
    family: specs.Family
    name: str
    rows: int | None
    columns: Sequence[ColumnProfile]
    classes: Sequence[ClassCount]
    target: Target | None
    problems: Sequence[str]


def add(wanted: NewModel, dataset: Dataset, data: Path, settings: Settings) -> ModelSpec:
    """Write the model's spec, with the dataset's file or folder ``data`` beside it; from then on it exists.

    Raises OptionError naming what is wrong in the request, CannotAdd, DataError for a full disk.
    """
    folders.refuse(wanted.name)
    text = spec_text(wanted, dataset, data, settings)
    with full_disk_as_data_error(), folders.adding(wanted.name) as folder:
        copy = shutil.copytree if data.is_dir() else shutil.copyfile
        copy(data, folder / _file_name(dataset.family, data))
        (folder / specs.FILE).write_text(text, encoding="utf-8")
    return specs.get(wanted.name)


def _file_name(family: specs.Family, data: Path) -> str:
    return "pictures" if data.is_dir() else file_name(family, data)


def spec_text(wanted: NewModel, dataset: Dataset, data: Path, settings: Settings) -> str:
    """The spec in TOML. Raises OptionError naming the field of the request that is wrong."""
    write = _of_pictures if dataset.family == "image" else _of_rows
    described, question, columns = write(wanted, dataset, data, settings)
    document = tomlkit.document()
    document["name"] = wanted.name
    document["family"] = dataset.family
    document["title"] = _title(wanted)
    document["question"] = wanted.question or question
    place = "folder" if dataset.family == "image" else "file"
    document["data"] = {"title": dataset.name, place: _file_name(dataset.family, data), **described}
    many = specs.defaults(dataset.family).get("many_rows")
    if many and dataset.rows >= many["from"]:
        document["presets"] = many["presets"]
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


def _of_pictures(wanted: NewModel, dataset: Dataset, data: Path, settings: Settings) -> Part:  # noqa: ARG001 - as rows
    """What is in a spec of pictures only: its data, its question, no columns."""
    for field in ("target", "kind", "positive", "columns"):
        if getattr(wanted, field):
            raise _wrong("a model of pictures has none; it is for tables", field)
    return {"labels": [each.label for each in dataset.classes]}, "What does a picture show?", {}


def _of_rows(wanted: NewModel, dataset: Dataset, data: Path, settings: Settings) -> Part:
    """What is in a spec of rows only: its data, its question, its columns."""
    columns = {column.name: column for column in dataset.columns}
    target = _target(wanted, dataset, data, columns)
    described: dict[str, Any] = {"target": target.column, "kind": target.kind}
    if target.kind != "regression":
        described["labels"] = {label: label for label in target.labels}
    if target.kind == "binary":
        described["positive"] = target.positive
    for name, choice in wanted.columns.items():
        if name not in columns:
            raise _wrong(f"there is no such column; there are: {_listed(columns)}", "columns", name)
        if name == target.column:
            described |= _unit_of_target(choice, target)
    read = cache(partial(frames.read, data))
    chosen = {
        name: _column(column, wanted.columns.get(name, ColumnChoice()), read, settings)
        for name, column in columns.items()
        if name != target.column
    }
    if not any(choice.get("use", True) for choice in chosen.values()):
        raise _wrong(f"no column is left to predict {target.column!r} from", "columns")
    return described, f"What is the {target.column}?"[:200], chosen


def _target(wanted: NewModel, dataset: Dataset, data: Path, columns: dict[str, ColumnProfile]) -> Target:
    """The question about a column: the proposed one, or the one that the request asks."""
    proposed = dataset.target
    name = wanted.target or (proposed.column if proposed else None)
    if name is None:
        raise _wrong(f"name the column to predict; there are: {_listed(columns)}", "target")
    if name not in columns:
        raise _wrong(f"there is no column {name[:80]!r}; there are: {_listed(columns)}", "target")
    if proposed and proposed.column == name and wanted.kind is None and wanted.positive is None:
        return proposed
    try:
        return tables.chosen_target(data, name, wanted.kind, wanted.positive)
    except DataError as error:
        field, _, rest = str(error).partition(": ")
        problem = rest if field == "positive" else str(error)
        raise _wrong(problem.removesuffix("."), "positive" if field == "positive" else "target") from None


def _unit_of_target(choice: ColumnChoice, target: Target) -> dict[str, str]:
    if choice.use is not None or choice.kind is not None or choice.preprocess is not None:
        raise _wrong("it is the target; only its unit can be given", "columns")
    return {"unit": choice.unit} if choice.unit and target.kind == "regression" else {}


def _column(
    column: ColumnProfile, choice: ColumnChoice, read: Callable[[], Frame], settings: Settings
) -> dict[str, Any]:
    """A column as the spec describes it."""
    suggested = column.suggestion
    if not (suggested.use if choice.use is None else choice.use):
        return {"use": False}
    kind = choice.kind or suggested.kind
    if kind is None:
        problem = f"it is {'an' if column.kind == 'identifier' else 'a'} {column.kind}; to use it, say its kind"
        raise _wrong(f"{problem}: {_listed(get_args(ColumnKind))}", "columns", column.name, "kind")
    if kind not in (column.kind, "category", "text"):
        _check_cells(column.name, kind, read)
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


def _check_cells(column: str, kind: ColumnKind, read: Callable[[], Frame]) -> None:
    """Raise OptionError unless every cell of a column is of a kind."""
    try:
        frames.values(read(), column, kind)
    except DataError as error:
        raise _wrong(str(error).removesuffix("."), "columns", column, "kind") from None


def _check_step(step: str, kind: ColumnKind, settings: Settings, column: str) -> None:
    """Raise OptionError for a step that is unknown or does not fit the kind."""
    own = own_steps.file_of(step, settings.air_home) if own_steps.NAME.fullmatch(step) else None
    if step in FITTING[kind] or (own and own.is_file()):
        return
    known = {name for names in FITTING.values() for name in names}
    if own:
        problem = f"there is no {own.name} in AIR_HOME/preprocessors"
    elif step in known:
        problem = f"{step} does not fit a column of the kind {kind}; these do: {_listed(FITTING[kind])}"
    else:
        problem = f"there is no step {step[:60]!r}; for the kind {kind} there are: {_listed(FITTING[kind])}"
    raise _wrong(problem, "columns", column, "preprocess")


def _listed(names: Iterable[str]) -> str:
    """Names in a sentence, the first dozen of many."""
    names = list(names)
    rest = f" and {len(names) - 12} more" if len(names) > 12 else ""
    return ", ".join(name[:60] for name in names[:12]) + rest


def _wrong(problem: str, *field: str) -> OptionError:
    return OptionError(list(field), problem, within=None)
