"""What the check of given files found, in words; and the few words that the form on the Batch screen chooses."""

from __future__ import annotations

import csv
import io
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from ui.kit.models import Shown
from ui.kit.templates import render
from ui.kit.words import moment

TEST, OWN = "test", "own"
CHAMPION = "champion"
Upload = dict[str, Any]


def size(count: int) -> str:
    """`512 bytes`, `34 kB`, `1.2 MB`."""
    if count < 1000:
        return f"{count} bytes"
    return f"{count / 1000:.0f} kB" if count < 1_000_000 else f"{count / 1_000_000:.1f} MB"


def named(upload: Upload) -> str:
    """`holiday.zip`, `12 files`."""
    names = upload["names"]
    return names[0] if len(names) == 1 else f"{len(names)} files"


def check(upload: Upload, model: Shown) -> Markup:
    """What the check of an upload found: how many are good, and what is wrong with the others."""
    return render("batch/check.html", upload=upload, model=model, what=f"{named(upload)}, {size(upload['bytes'])}")


def example_file(names: list[str], rows: list[dict[str, float]]) -> str:
    """The address of a small CSV file to begin with; the address contains the file."""
    text = io.StringIO()
    writer = csv.DictWriter(text, names)
    writer.writeheader()
    writer.writerows(rows)
    return f"data:text/csv;charset=utf-8,{quote(text.getvalue())}"


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


def start_label(what: str, upload: Upload | None, model: Shown) -> str:
    """The words of the button that starts it."""
    if what == TEST:
        return "Predict the test set"
    if upload is None or not upload["good"]:
        return "Predict"
    if upload["good"] == upload["rows"]:
        return f"Predict {model.things(upload['rows'])}"
    good = upload["good"]
    return f"Go on with the {good} good ones" if good > 1 else "Go on with the good one"
