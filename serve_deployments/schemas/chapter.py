"""The chapter's sections, each with today's program."""

from __future__ import annotations

from pydantic import Field

from serve_deployments.schemas.base import Reply


class Text(Reply):
    """A text in English and in Traditional Chinese."""

    en: str
    zh: str


class Example(Reply):
    """A section of the chapter and the program that does today what it showed."""

    name: str = Field(description="for POST /jobs", examples=["xgboost_trainer"])
    title: Text
    about: Text = Field(description="what the section was about")
    old: list[str] = Field(description="names of the old API")
    today: list[str] = Field(description="names of today's API")
    watch: Text = Field(description="what to watch on the Cluster screen while it runs")
    screen: str | None = Field(description="the page's screen that does the same for real")
    extra: str | None = Field(description="the package that the program needs beyond those of the server")
    source: str = Field(description="the program")


class Chapter(Reply):
    """``GET /examples``, in the chapter's order."""

    examples: list[Example]
