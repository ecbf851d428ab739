"""The profile of a file, as the API shows it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from models.specs import ColumnKind, Family, Question
from models.table.steps import FITTING

Kind = ColumnKind | Literal["identifier", "constant"]


class Part(BaseModel):
    """Base of all parts."""

    model_config = ConfigDict(extra="forbid")


class Suggestion(Part):
    """Whether a model should use a column, as what, with which steps, and why."""

    use: bool
    kind: ColumnKind | None = Field(description="null for a column that cannot be used")
    preprocess: list[str] = Field(description="names of steps in their order; empty for values as they are")
    why: str


class Count(Part):
    """A value and the number of its rows."""

    value: str
    count: int


class ColumnProfile(Part):
    """A column of a table."""

    name: str
    kind: Kind
    missing: int
    distinct: int = Field(description="different values, missing ones not counted")
    examples: list[str] = Field(description="up to five different cells as they are in the file")
    min: float | str | None = Field(description="of numbers; of dates as text")
    max: float | str | None
    top: list[Count] = Field(description="the most frequent values; empty where most rows differ")
    suggestion: Suggestion
    warnings: list[str]


class ClassCount(Part):
    """A class of pictures."""

    label: str
    pictures: int


class Target(Part):
    """The column that a model should answer, and the kind of question."""

    column: str
    kind: Question
    labels: list[str] = Field(description="the classes, as they are in the file; empty for a regression")
    positive: str | None = Field(description="of two classes, the one whose probability is answered")
    why: str


class Profile(Part):
    """A table or an archive of pictures."""

    family: Family
    rows: int | None = Field(description="of a table")
    pictures: int | None = Field(description="of an archive, readable ones")
    columns: list[ColumnProfile] = []
    classes: list[ClassCount] = []
    target: Target | None = None
    steps: dict[ColumnKind, list[str]] = Field(
        {kind: list(names) for kind, names in FITTING.items()},
        description="preprocessing steps for each kind of column",
    )
    problems: list[str] = []
