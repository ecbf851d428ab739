"""What was found in data that people give: how much is good, and where the rest goes wrong."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

MAX_LISTED = 50


class Problem(BaseModel):
    """One thing that is wrong: the line or the file, the column of a table, and a sentence."""

    model_config = ConfigDict(extra="forbid")

    where: str
    column: str | None = None
    problem: str

    def sentence(self) -> str:
        """``line 3, column 'mean area': It is empty; a number is needed.``"""
        return f"{self.where}{f', column {self.column!r}' if self.column else ''}: {self.problem}"


class Check(BaseModel):
    """How many rows or pictures there are, how many of them are good, and the first problems."""

    model_config = ConfigDict(extra="forbid")

    rows: int = 0
    good: int = 0
    problems: list[Problem] = []

    def count(self, problems: list[Problem]) -> None:
        """Count one row or picture with what is wrong with it, nothing when it is good."""
        self.rows += 1
        self.good += not problems
        self.problems.extend(problems[: max(0, MAX_LISTED - len(self.problems))])
