"""The result of a batch prediction: the summary in words and bars, the files, some of its rows."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from ui.jobs.view import Job, source
from ui.kit.models import Shown, probability_key
from ui.kit.templates import render
from ui.kit.words import duration

ALL, ERRORS, UNSURE, WRONG = "all", "errors", "unsure", "wrong"
ANY = ""
# The column that names a row, and its title.
TITLES = {"name": "Picture", "line": "Line"}


def summary(job: Job, model: Shown, public: str) -> Markup:
    """The whole result in words, how many of each label, and the files at the API's address `public`."""
    result = {"right": None, "unsure": None, "rmse": None} | job["result"]
    return render(
        "batch/summary.html",
        result=result,
        model=model,
        good=result["rows"] - result["errors"],
        source=source(job),
        labels=sorted(result["labels"].items(), key=lambda item: (-item[1], item[0])),
        folder=f"{public}/jobs/{quote(job['id'], safe='')}/files",
        seconds=_seconds,
    )


def _seconds(seconds: float) -> str:
    if seconds < 0.1:
        return "less than 0.1 s"
    return f"{seconds:.1f} s" if seconds < 10 else duration(seconds)


def filters(job: Job) -> dict[str, Any]:
    """What the result can be searched by."""
    result = job["result"]
    show = [(f"All {result['rows']}", ALL), (f"Errors ({result['errors']})", ERRORS)]
    if result.get("unsure") is not None:
        show.append((f"Unsure ({result['unsure']})", UNSURE))
    if result.get("right") is not None:
        wrong = result["rows"] - result["errors"] - result["right"]
        show.append((f"Wrong ({wrong})", WRONG))
    labels = [(f"{label} ({count})", label) for label, count in sorted(result["labels"].items())]
    return {"id": job["id"], "model": job["model"], "show": show, "labels": [("Any answer", ANY), *labels]}


def rows_table(model: Shown, page: dict[str, Any], first: int) -> Markup:
    """Some rows of the result as a table; `first` is the number of the first, for rows that have no name or line."""
    named = next((name for name in TITLES if name in page["columns"]), None)
    rows = [{"out_of_range": "", "unsure": False} | row for row in page["rows"]]
    return render(
        "batch/rows.html",
        model=model,
        probability=probability_key(dict.fromkeys(page["columns"])),
        columns=page["columns"],
        rows=rows,
        named=named,
        titles=TITLES,
        first=first,
    )
