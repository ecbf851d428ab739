"""The versions of a model in words: which to show, which answers now, which may be discarded, and past promotions."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from ui.kit.templates import render
from ui.kit.words import moment

Version = dict[str, Any]
CHAMPION, PREVIOUS = "champion", "previous"
MOVES = {"promotion": "promoted", "rollback": "rolled back"}


def pick(versions: list[Version], wanted: str | None) -> str:
    """The wanted version if there is one, else the newest that is not the champion, else the champion."""
    names = [item["version"] for item in versions]
    if wanted in names:
        return str(wanted)
    others = (item["version"] for item in versions if CHAMPION not in item["aliases"])
    return next(others, names[0])


def choices(versions: list[Version]) -> list[tuple[str, str]]:
    """`Version 2 (champion), made 23 Nov, 10:45`, newest first."""
    return [
        (
            f"Version {item['version']}{' (champion)' if CHAMPION in item['aliases'] else ''}, "
            f"made {moment(item['created'])}",
            item["version"],
        )
        for item in versions
    ]


def named(versions: list[Version], alias: str) -> str | None:
    """The version that has an alias."""
    return next((item["version"] for item in versions if alias in item["aliases"]), None)


def kept(version: Version) -> str:
    """Why a version cannot be discarded; nothing for one that can."""
    if CHAMPION in version["aliases"]:
        return "The champion cannot be discarded."
    if PREVIOUS in version["aliases"]:
        return f"Version {version['version']} cannot be discarded: “Roll back” returns to it."
    return ""


def moves_table(moves: list[dict[str, Any]]) -> Markup:
    """Every promotion and rollback, newest first."""
    return render("compare/moves.html", moves=moves, words=MOVES)
