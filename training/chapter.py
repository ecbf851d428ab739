"""The chapter's sections: their texts in ``examples/chapter.toml``, today's programs in ``examples/<name>.py``.

    chapter.sections()["xgboost_trainer"].source()

The programs are read and started (``training.jobs.program``), never imported.
"""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from settings import ROOT
from training.runs.config import JobConfig
from training.runs.errors import OptionError

FOLDER = ROOT / "examples"
TEXTS = FOLDER / "chapter.toml"


class Text(BaseModel):
    """A text in English and in Traditional Chinese, the chapter's language."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    en: str
    zh: str


class Section(BaseModel):
    """A section: what it was about, the names of the old API and of today's, and what to watch while it runs.

    ``screen`` is the page's screen that does the same for real, ``extra`` the package that the program needs beyond
    those of AIR Studio.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    title: Text
    about: Text
    old: tuple[str, ...]
    today: tuple[str, ...]
    watch: Text
    screen: str | None = None
    extra: str | None = None

    @property
    def file(self) -> Path:
        """The program's file."""
        return FOLDER / f"{self.name}.py"

    def source(self) -> str:
        """The program's text."""
        return self.file.read_text(encoding="utf-8")


class RunExample(JobConfig):
    """Options of a job that runs the program of a section."""

    name: str

    def known(self) -> RunExample:
        """These options. Raises OptionError for a section that is not there."""
        if self.name not in sections():
            problem = f"there is no example {self.name[:64]!r}; there are {', '.join(sections())}"
            raise OptionError(["name"], problem)
        return self


def sections() -> dict[str, Section]:
    """The sections in the chapter's order, those whose program is there."""
    return {name: section for name, section in described().items() if section.file.is_file()}


@cache
def described() -> dict[str, Section]:
    """Every section that ``chapter.toml`` describes, in its order."""
    texts = tomllib.loads(TEXTS.read_text(encoding="utf-8"))
    return {name: Section(name=name, **text) for name, text in texts.items()}
