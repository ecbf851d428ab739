"""What the check of given files found, in words; and the few words that the form on the Batch screen chooses.

Not run by itself; ui/batch/form.py shows it.
"""

from __future__ import annotations

import csv
import io
from html import escape
from typing import Any
from urllib.parse import quote

from ui.kit.cards import notice, quiet
from ui.kit.client import IMAGES
from ui.kit.words import moment

TEST, OWN = "test", "own"
CHAMPION = "champion"
Upload = dict[str, Any]


def things(model: str, count: int) -> str:
    """`1 picture`, `118 rows`."""
    return f"{count} {'picture' if model == IMAGES else 'row'}{'' if count == 1 else 's'}"


def size(count: int) -> str:
    """`512 bytes`, `34 kB`, `1.2 MB`."""
    if count < 1000:
        return f"{count} bytes"
    return f"{count / 1000:.0f} kB" if count < 1_000_000 else f"{count / 1_000_000:.1f} MB"


def named(upload: Upload) -> str:
    """`holiday.zip`, `12 files`."""
    names = upload["names"]
    return names[0] if len(names) == 1 else f"{len(names)} files"


def check(upload: Upload) -> str:
    """What the check of an upload found: how many are good, and what is wrong with the others."""
    model, rows, good = upload["model"], upload["rows"], upload["good"]
    bad, what = rows - good, f"{named(upload)}, {size(upload['bytes'])}"
    if not bad:
        return notice(f"{what}: {'all ' if rows > 1 else ''}{things(model, rows)} can be read.", "good")
    if not good:
        text = "nothing in it can be read. Correct what is listed here and give the file again."
        return notice(f"{what}: {text}", "problem") + problems(upload)
    text = (
        f"{what}: {good} of {things(model, rows)} can be read. You can go on with those; "
        f"the other{'' if bad == 1 else f' {bad}'} will stand in the result with what is wrong in place of an answer."
    )
    return notice(text, "warning") + problems(upload)


def problems(upload: Upload) -> str:
    """A table of what cannot be read, and why."""
    columns = {"where": "Where", "column": "Column", "problem": "What is wrong"}
    if upload["model"] == IMAGES:
        del columns["column"]
    head = "".join(f'<th scope="col">{text}</th>' for text in columns.values())
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(str(item[key] or ''))}</td>" for key in columns) + "</tr>"
        for item in upload["problems"]
    )
    shown, bad = len(upload["problems"]), upload["rows"] - upload["good"]
    more = quiet(f"The first {shown} of {bad} are listed.") if bad > shown else ""
    return (
        '<div class="air-scroll" tabindex="0" role="region" aria-label="What cannot be read">'
        f'<table class="air-table air-problems"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>{more}'
    )


def example_link(names: list[str], rows: list[dict[str, float]]) -> str:
    """A link to a small CSV file to begin with; it is in the link itself."""
    text = io.StringIO()
    writer = csv.DictWriter(text, names)
    writer.writeheader()
    writer.writerows(rows)
    address = f"data:text/csv;charset=utf-8,{quote(text.getvalue())}"
    return (
        f'<p class="air-quiet"><a download="example.csv" href="{escape(address)}">Example of such a file</a> '
        f"with {len(rows)} rows, to look at or to fill with your own.</p>"
    )


def version_choices(versions: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """The champion, then every other version, newest first."""
    champion = next((item["version"] for item in versions if CHAMPION in item["aliases"]), None)
    first = f"The champion (version {champion})" if champion else "The champion"
    others = [
        (f"Version {item['version']}, made {moment(item['created'])}", item["version"])
        for item in versions
        if item["version"] != champion
    ]
    return [(first, CHAMPION), *others]


def start_label(what: str, upload: Upload | None) -> str:
    """What the button says that starts it."""
    if what == TEST:
        return "Predict the test set"
    if upload is None or not upload["good"]:
        return "Predict"
    if upload["good"] == upload["rows"]:
        return f"Predict {things(upload['model'], upload['rows'])}"
    good = upload["good"]
    return f"Go on with the {good} good ones" if good > 1 else "Go on with the good one"
