"""The chapter's programs of a studio, as short texts, and their jobs, which a test plays."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.in_process.played import Played
from tests.helpers.in_process.studio import Studio
from tests.helpers.samples import pictures
from training import chapter
from training.jobs import store as jobs


def with_programs(patch: pytest.MonkeyPatch, folder: Path, *left_out: str) -> None:
    """Put a short program for each section into a folder, from which the API reads them."""
    for name in set(chapter.described()) - set(left_out):
        (folder / f"{name}.py").write_text(f'"""The section {name}."""\n\nprint("<b>{name}</b>")\n')
    patch.setattr(chapter, "FOLDER", folder)


class PlayedExample(Played):
    """A running example."""

    def prints(self, line: str) -> None:
        """Add a line to its output."""
        with (self._folder / jobs.LOG).open("a") as log:
            log.write(f"{line}\n")

    def draws(self, name: str) -> bytes:
        """Write the picture of the example of this name."""
        work = self._folder / jobs.WORK
        work.mkdir(exist_ok=True)
        data = pictures.encoded(pictures.photo(), "PNG")
        (work / f"{name}.png").write_bytes(data)
        return data


def play(studio: Studio, job_id: str) -> PlayedExample:
    """A queued example, once it runs."""
    return PlayedExample(studio, job_id)
