"""The sections in boxes: the list, a section's text, what to watch, the picture that its program drew."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from markupsafe import Markup

from ui.chapter.words import ENGLISH, STATES, TAGS, WAITS, WORDS
from ui.jobs.view import Job, ahead, look, notice_of, waiting_for
from ui.kit.cards import notice, quiet
from ui.kit.templates import macro, render

Section = dict[str, Any]


def intro(language: str) -> Markup:
    """What the screen is for."""
    return render("chapter/intro.html", words=WORDS[language], tag=TAGS[language])


def listed(sections: list[Section], shown: str, language: str) -> Markup:
    """All sections as buttons."""
    words, tag = WORDS[language], TAGS[language]
    return render("chapter/list.html", sections=sections, shown=shown, language=language, words=words, tag=tag)


def text(section: Section, language: str) -> Markup:
    """What a section was about, old names and today's."""
    words, tag = WORDS[language], TAGS[language]
    return render("chapter/section.html", section=section, language=language, words=words, tag=tag)


def meanwhile(section: Section, language: str) -> Markup:
    """What to watch on Cluster, and the screen that does the same for real."""
    words, tag = WORDS[language], TAGS[language]
    return render("chapter/meanwhile.html", section=section, language=language, words=words, tag=tag)


def heading(title: str, language: str) -> Markup:
    """The heading above a program's output."""
    return Markup('<h3 lang="{}">{}</h3>').format(TAGS[language], title)


def state(job: Job | None, jobs: list[Job], language: str) -> Markup:
    """The state of a program's run, and what it waits for."""
    if job is None:
        said = quiet(WORDS[language].not_yet)
    elif language == ENGLISH:
        said = notice_of(job, ahead(job, jobs))
    else:
        said = notice(_chinese(job, len(waiting_for(job, jobs))), look(job))
    return Markup('<div lang="{}">{}</div>').format(TAGS[language], said)


def _chinese(job: Job, before: int) -> str:
    words = STATES[job["state"]].format(seconds=max(job["result"].get("seconds", 0), 1))
    error = f"：{job['error'].rstrip('.')}" if job["error"] else ""
    return f"{words}{error}。{WAITS.format(count=before) if before else ''}"


def picture(data: bytes | None, language: str) -> Markup | str:
    """The picture of a program, if it has drawn one."""
    if data is None:
        return ""
    return macro("kit/cards.html", "png", b64encode(data).decode(), WORDS[language].picture, "air-drawn")
