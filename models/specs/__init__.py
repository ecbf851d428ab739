"""Specs: a TOML file that has everything in which a model differs from others.

    models/specs/<name>/spec.toml       the models that ship
    AIR_HOME/models/<name>/spec.toml    a user's own

A family (``image`` or ``table``) is the code that its models share; ``families/<family>.toml`` has the presets and
searches that a spec omits. Paths in a spec are relative to its folder.

Specs appear and disappear while the app runs: every process looks at the files' times and reads them again when one
has changed. A spec that is wrong is left out and logged; only at the start of a program is it an error (``check``).
A folder whose name begins with a dot is not a model: it is being written or removed.
"""

from __future__ import annotations

import logging
import os
import re
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from settings import ROOT, SettingsError, get_settings

log = logging.getLogger("ray.serve")
SHIPPED = ROOT / "models" / "specs"
FILE = "spec.toml"
NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")
# Paths of the API and the names of other applications: a model cannot have one of these names.
TAKEN = {
    *("about", "access", "cluster", "corrections", "datasets", "docs", "examples", "healthz", "jobs", "metrics"),
    *("models", "readyz", "tuning", "uploads", "v2", "control", "ui", "redoc"),
}
# Titles of the page's own screens, which no model can have.
SCREENS = {"Retrain", "Tuning", "Batch", "Cluster", "Chapter", "Your data"}
Family = Literal["image", "table"]
# What a cell of a column holds: a number, one of some texts, true or false, free text, a day.
ColumnKind = Literal["number", "category", "boolean", "text", "date"]
# What a table model answers: one of two classes, one of several, a number.
Question = Literal["binary", "multiclass", "regression"]
Learner = Literal["xgboost", "linear", "mlp", "keras"]


class UnknownModel(Exception):
    """There is no such model; the message names the existing ones."""


class SpecPart(BaseModel):
    """Base of all parts: frozen, and unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Gate(SpecPart):
    """The metric of promotion, and the margin by which it may be worse than the champion's."""

    metric: str
    margin: float = Field(ge=0)
    words: str


class Column(SpecPart):
    """The description of a column: kind, unit, group on the page, preprocessing steps in their order.

    ``preprocess`` is None for the default steps of the kind. A column with ``use = false`` is no feature.
    """

    kind: ColumnKind = "number"
    unit: str = ""
    group: str = "other"
    preprocess: tuple[str, ...] | None = None
    use: bool = True


class TableData(SpecPart):
    """Rows: a CSV or Parquet file with a target column of two classes, several classes, or numbers.

    ``labels`` maps each value of the target to its label; the values of a target of classes that it omits are not
    allowed. ``positive`` is the class that a binary model gives the probability of.
    """

    title: str = ""
    file: str
    target: str
    kind: Question = "binary"
    labels: dict[str, str] = {}
    positive: str | None = None
    unit: str = Field("", description="unit of the target, of a regression")
    groups: dict[str, str] = Field({}, description="title of each group of columns")
    complete_rows: bool = Field(False, description="a row without one of the values is refused, not answered")

    @model_validator(mode="after")
    def _classes_of_the_kind(self) -> TableData:
        if self.kind == "regression":
            if self.labels or self.positive:
                raise ValueError("a regression has no labels and no positive class")
            return self
        fewest = 2 if self.kind == "binary" else 3
        if len(set(self.labels.values())) != len(self.labels):
            raise ValueError("labels must be different")
        if len(self.labels) < fewest or (self.kind == "binary" and len(self.labels) > fewest):
            raise ValueError(f"labels must name {'two classes' if fewest == 2 else 'three classes or more'}")
        if self.kind == "binary" and self.positive not in self.labels.values():
            raise ValueError(f"positive is {self.positive!r}, which labels does not name")
        if self.kind == "multiclass" and self.positive:
            raise ValueError("a model of several classes has no positive class")
        return self

    @property
    def classes(self) -> list[str]:
        """The labels, the positive one first; none for a regression."""
        return sorted(self.labels.values(), key=lambda label: label != self.positive)


class ImageData(SpecPart):
    """Pictures: a folder of class folders or of Parquet files, or a data set of torchvision; and their size."""

    title: str = ""
    folder: str | None = Field(None, description="a folder, or a ZIP archive of it")
    folder_env: str | None = Field(None, description="the environment variable that names the folder")
    torchvision: str | None = Field(None, description="torchvision's data set, where there is no folder")
    download_mb: int = 0
    batches: str | None = Field(None, description="torchvision's folder of that data set")
    size: int = Field(32, ge=16, le=256, description="pictures are scaled to size × size pixels")
    flip: bool | None = Field(None, description="mirror training pictures; default: if they look like their class then")
    labels: list[str] | None = Field(None, description="names of the classes; default those of the folders")
    examples: str | None = Field(None, description="Parquet of validation pictures for a machine without the data")
    examples_source: str = ""


class ModelSpec(SpecPart):
    """One model. ``folder`` is where its spec is."""

    name: Annotated[str, Field(max_length=40)]
    family: Family
    title: str
    question: str
    notice: str = ""
    data: TableData | ImageData
    gate: Gate
    presets: dict[str, dict[str, Any]]
    searches: dict[str, dict[str, Any]]
    columns: dict[str, Column] = {}
    pretrained: str | None = Field(None, description="the shipped model whose weights a training can start from")
    folder: Path

    @field_validator("name")
    @classmethod
    def _usable(cls, name: str) -> str:
        if not NAME.fullmatch(name) or name in TAKEN:
            raise ValueError("a name has lower-case letters, digits and hyphens, and is no path of the API")
        return name

    @model_validator(mode="after")
    def _data_of_the_family(self) -> ModelSpec:
        if isinstance(self.data, TableData) != (self.family == "table"):
            raise ValueError(f"data does not fit the family {self.family}")
        return self

    @property
    def is_shipped(self) -> bool:
        """Whether the model ships with AIR Studio."""
        return self.folder.parent == SHIPPED

    @property
    def module(self) -> str:
        """The name in those of Python modules: shipped models have a ``training.<module>`` of their own."""
        return self.name.replace("-", "_")

    def path(self, relative: str) -> Path:
        """A path that the spec names."""
        return self.folder / relative

    def column(self, name: str) -> Column:
        """The description of a column; the defaults if the spec does not name it."""
        return self.columns.get(name) or Column()


def all_specs() -> dict[str, ModelSpec]:
    """Every model by name, the shipped ones first; without those whose spec is wrong."""
    return _known()[0]


def check() -> None:
    """Raise SettingsError with one sentence that names the first wrong file, if there is one."""
    for problem in _known()[1]:
        raise SettingsError(problem)


def own_root() -> Path:
    """The folder of the models that users added."""
    return get_settings().air_home / "models"


def names() -> list[str]:
    """The names of all models."""
    return list(all_specs())


def of_family(family: Family) -> list[ModelSpec]:
    """The models of a family."""
    return [spec for spec in all_specs().values() if spec.family == family]


def variables() -> set[str]:
    """The environment variables for the folders of the models' data."""
    named = (getattr(spec.data, "folder_env", None) for spec in all_specs().values())
    return {name for name in named if name}


def get(name: str) -> ModelSpec:
    """The spec of a model. Raises UnknownModel."""
    try:
        return all_specs()[name]
    except KeyError:
        raise UnknownModel(f"There is no model {name[:80]!r}; there are {' and '.join(names())}.") from None


Known = tuple[dict[str, ModelSpec], list[str]]
# A spec's file, and what changes when the file does.
Stamp = tuple[str, int, int, int]


def _known() -> Known:
    """All specs, and a sentence for each wrong one."""
    return _read_all(_stamps(own_root()))


def _stamps(root: Path) -> tuple[Stamp, ...]:
    """The specs of a folder; a few microseconds, since every request of the API asks."""
    found = []
    try:
        with os.scandir(root) as folders:
            for folder in folders:
                if not folder.name.startswith("."):
                    file = f"{folder.path}/{FILE}"
                    try:
                        status = os.stat(file)  # noqa: PTH116 - a Path takes longer than the call
                    except OSError:
                        continue
                    found.append((file, status.st_ino, status.st_mtime_ns, status.st_size))
    except OSError:
        return ()
    return tuple(sorted(found))


@lru_cache(maxsize=2)
def _read_all(own: tuple[Stamp, ...]) -> Known:
    found: dict[str, ModelSpec] = {}
    titles, problems = set(SCREENS), []
    for file in [*sorted(SHIPPED.glob(f"*/{FILE}")), *(Path(stamp[0]) for stamp in own)]:
        try:
            spec = read(file)
            if spec.name in found:
                raise SettingsError(f"{file}: there is a model {spec.name} already; choose another name.")
            if spec.title in titles:
                raise SettingsError(f"{file}: a model, or a screen of the page, is titled {spec.title!r} already.")
        except SettingsError as error:
            log.error("A model is left out: %s", error)
            problems.append(str(error))
            continue
        titles.add(spec.title)
        found[spec.name] = spec
    return dict(sorted(found.items(), key=lambda item: (not item[1].is_shipped, item[1].family))), problems


def read(file: Path) -> ModelSpec:
    """The spec of a file, with its family's presets and searches. Raises SettingsError with one sentence."""
    try:
        given = tomllib.loads(file.read_text(encoding="utf-8"))
        return ModelSpec.model_validate(_completed(given) | {"folder": file.parent})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{file} cannot be read as TOML: {error}.") from error
    except (AttributeError, TypeError) as error:
        raise SettingsError(f"{file}: data, presets and searches must be tables of TOML.") from error
    except ValidationError as error:
        # ``data`` is tried as that of each family; only what its own says of it helps.
        others = "TableData" if given.get("family") == "image" else "ImageData"
        found = [one for one in error.errors() if not any(others in str(part) for part in one["loc"])] or error.errors()
        where = ".".join(part for part in map(str, found[0]["loc"]) if "Data" not in part) or "the spec"
        raise SettingsError(f"{file}: {where}: {found[0]['msg']}.") from error


def defaults(family: Family) -> dict[str, Any]:
    """What a model of a family has when its own spec does not say otherwise."""
    return tomllib.loads((SHIPPED / "families" / f"{family}.toml").read_text(encoding="utf-8"))


def _completed(given: dict[str, Any]) -> dict[str, Any]:
    """The content with its family's gate, presets and searches; the spec overrides the gate, and single values."""
    if given.get("family") not in get_args(Family):
        return given
    shared = defaults(given["family"])
    data = given.get("data")
    kind = data.get("kind") if isinstance(data, dict) else None
    of_kind = shared["kinds"].get(kind) or next(iter(shared["kinds"].values()))
    usual = {part: _merged(shared[part], of_kind.get(part, {})) for part in ("presets", "searches")}
    usual["presets"] = _led_by(usual["presets"], given.get("presets", {}))
    merged = {part: _merged(usual[part], given.get(part, {})) for part in usual}
    pretrained = {"pretrained": shared["pretrained"]} if "pretrained" in shared else {}
    return {"gate": of_kind["gate"], **pretrained, **given, **merged}


def _led_by(shared: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """The presets with the learner of a spec's own default first; the former default is named after its learner."""
    learner = own.get("default", {}).get("learner")
    place = next((name for name, given in shared.items() if learner and given.get("learner") == learner), "default")
    if place == "default":
        return shared
    first = {"default": shared[place], shared["default"]["learner"]: shared["default"]}
    return first | {name: given for name, given in shared.items() if name not in ("default", place)}


def _merged(shared: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    return {key: {**shared.get(key, {}), **own.get(key, {})} for key in dict.fromkeys([*shared, *own])}
