"""The check of uploaded data: how much of it is good, and the problems of the rest."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

MAX_LISTED = 50


class Problem(BaseModel):
    """One problem: the line or the file, the column of a table, and a sentence."""

    model_config = ConfigDict(extra="forbid")

    where: str
    column: str | None = None
    problem: str

    def sentence(self) -> str:
        """``line 3, column 'mean area': It is empty; a number is needed.``"""
        return f"{self.where}{f', column {self.column!r}' if self.column else ''}: {self.problem}"


class Check(BaseModel):
    """The number of rows or pictures, the number of good ones, and the first problems."""

    model_config = ConfigDict(extra="forbid")

    rows: int = 0
    good: int = 0
    problems: list[Problem] = []

    def count(self, problems: list[Problem]) -> None:
        """Count one row or picture with its problems, none when it is good."""
        self.rows += 1
        self.good += not problems
        self.problems.extend(problems[: max(0, MAX_LISTED - len(self.problems))])
