"""What came of a batch prediction: the summary in words and bars, the files, and the rows one page after another.

Not run by itself; the Batch screen shows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from html import escape
from typing import Any
from urllib.parse import quote

import gradio as gr

from ui.jobs.view import Job, source
from ui.kit import clock
from ui.kit.cards import html, listed, notice, percent, quiet
from ui.kit.client import IMAGES, ApiError, Client
from ui.kit.updates import EVENTS, Sent, updates
from ui.kit.words import duration

PAGE = 50
ALL, ERRORS, UNSURE, WRONG = "all", "errors", "unsure", "wrong"
ANY = ""
LOOKED_AT = ["box", "show", "label", "count", "earlier", "later", "table", "retry"]
NAMES = {"name": "Picture", "line": "Line"}
FILES = {"csv": "for a spreadsheet", "parquet": "for programs"}
NAMED = 2


def thing(model: str) -> str:
    """What one row of a result is about."""
    return "picture" if model == IMAGES else "row"


def summary(job: Job, public: str) -> str:
    """The whole result in words, how many of each label, and the files at the API's address `public`."""
    result = job["result"]
    good = result["rows"] - result["errors"]
    parts = [_sentence(job, good), _stats(job, good)]
    if result["labels"]:
        parts.append(f"<h3>How many of each</h3>{_bars(result['labels'], good)}")
    parts.append(f"<h3>Take it with you</h3>{_files(job, public)}")
    return f'<div class="air-stack">{"".join(parts)}</div>'


def _sentence(job: Job, good: int) -> str:
    result = job["result"]
    what = f"{thing(job['model'])}{'' if result['rows'] == 1 else 's'}"
    seconds = result["seconds"]
    speed = f", {good / seconds:.0f} a second" if seconds >= 1 and good else ""
    return (
        f"<p>Version {escape(str(result['version']))} answered {good} of {result['rows']} {what} from "
        f"{escape(source(job))} in {_seconds(seconds)}{speed}. Starting the workers took "
        f"{_seconds(result['startup_s'])} before that.</p>"
    )


def _seconds(seconds: float) -> str:
    if seconds < 0.1:
        return "less than 0.1 s"
    return f"{seconds:.1f} s" if seconds < 10 else duration(seconds)


def _stats(job: Job, good: int) -> str:
    result = job["result"]
    told = []
    if result.get("right") is not None and good:
        told.append(("Right", percent(result["right"] / good), f"{result['right']} of {good} as the truth says"))
    if result.get("unsure") is not None:
        told.append(("Unsure", str(result["unsure"]), "better looked at by a person"))
    errors = "could not be read, so they have no answer" if result["errors"] else "every one could be read"
    told.append(("Errors", str(result["errors"]), errors))
    items = "".join(f"<div><dt>{name}</dt><dd>{value}</dd><dd>{text}</dd></div>" for name, value, text in told)
    return f'<dl class="air-stats air-three">{items}</dl>'


def _bars(labels: dict[str, int], good: int) -> str:
    most = max(labels.values()) or 1
    rows = "".join(
        f'<li><span class="air-name">{escape(label)}</span>'
        f'<span class="air-track"><span class="air-fill" style="width:{count / most:.2%}"></span></span>'
        f'<span class="air-value">{count}<small>{percent(count / good)}</small></span></li>'
        for label, count in sorted(labels.items(), key=lambda item: (-item[1], item[0]))
    )
    return f'<ol class="air-bars air-counts">{rows}</ol>'


def _files(job: Job, public: str) -> str:
    folder = f"{escape(public)}/jobs/{quote(job['id'], safe='')}/files"
    links = "".join(
        f'<li><a download="{escape(name)}" href="{folder}/{quote(name)}">'
        f"{escape(name)}</a> <small>{FILES.get(name.rpartition('.')[2], '')}</small></li>"
        for name in job["result"]["files"]
    )
    return f'<ul class="air-files">{links}</ul>'


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


def rows_table(model: str, page: dict[str, Any], first: int) -> str:
    """Some rows of the result as a table; `first` is the number of the first, for rows that have no name or line."""
    if not page["rows"]:
        return quiet(f"There is no such {thing(model)} in this result.")
    truth = "truth" in page["columns"]
    named = next((name for name in NAMES if name in page["columns"]), None)
    heads = [NAMES.get(named, "Number"), "Answer", "How sure" if model == IMAGES else "Malignant"]
    heads += ["Truth"] if truth else []
    head = "".join(f'<th scope="col">{text}</th>' for text in [*heads, "Remarks"])
    body = "".join(
        _row(model, str(row[named] if named else number), row, truth) for number, row in enumerate(page["rows"], first)
    )
    return (
        '<div class="air-scroll air-tall" tabindex="0" role="region" aria-label="Rows of the result">'
        f'<table class="air-table air-rows"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def _row(model: str, name: str, row: dict[str, Any], truth: bool) -> str:
    first = f'<th scope="row">{escape(name)}</th>'
    if row["error"]:
        return (
            f'<tr>{first}<td colspan="{4 if truth else 3}" class="air-error">'
            f'<span class="air-unseen">Error: </span>{escape(row["error"])}</td></tr>'
        )
    share = row["probability"] if model == IMAGES else row["probability_malignant"]
    cells = [escape(row["label"]), percent(share)] + ([escape(str(row["truth"]))] if truth else [])
    wrong = truth and row["truth"] != row["label"]
    remarks = ['<span class="air-diff-problem">wrong</span>'] if wrong else []
    remarks += ["unsure"] if row.get("unsure") else []
    remarks += [escape(_outside(row["out_of_range"]))] if row.get("out_of_range") else []
    return f"<tr>{first}{''.join(f'<td>{cell}</td>' for cell in [*cells, ', '.join(remarks)])}</tr>"


def _outside(joined: str) -> str:
    names = joined.split(", ")
    shown = names if len(names) <= NAMED + 1 else [*names[:NAMED], f"{len(names) - NAMED} more"]
    return f"{listed(shown)} outside the training range"


@dataclass(frozen=True)
class Fields:
    """The components of the search, in the order of LOOKED_AT."""

    box: gr.Column
    show: gr.Radio
    label: gr.Dropdown
    count: gr.HTML
    earlier: gr.Button
    later: gr.Button
    table: gr.HTML
    retry: gr.Timer


class Search:
    """What happens in the search; every method is an event's handler or a part of one."""

    def __init__(self, api: Client) -> None:
        self.api = api

    async def look(
        self, before: Sent, result: dict[str, Any] | None, show: str, label: str, wanted: dict[str, Any] | None
    ) -> list[Any]:
        """The rows that were asked for; another result is looked at from its beginning."""
        if result is None:
            return updates(LOOKED_AT, before, {"place": {}, "box": gr.update(visible=False)})
        other = before.get("place", {}).get("id") != result["id"]
        show, label = (ALL, ANY) if other else (show, label if show != ERRORS else ANY)
        place = {"id": result["id"], "show": show, "label": label}
        offset = wanted["offset"] if wanted and wanted["place"] == place else 0
        asked = {"offset": offset, "limit": PAGE, "show": show} | ({"label": label} if label else {})
        now: Sent = {
            "place": place,
            "box": gr.update(visible=True),
            # What a person has chosen is left to them: they may be choosing again right now.
            "show": gr.update(choices=result["show"], **({"value": ALL} if other else {})),
            # An error has no answer that it could be searched by.
            "label": gr.update(
                choices=result["labels"], interactive=show != ERRORS, **({"value": ANY} if other else {})
            ),
        }
        try:
            page = await self.api.rows(result["id"], asked)
        except ApiError as error:
            again = " This page tries again by itself." if error.passing else ""
            told = notice(f"{error}{again}", "warning")
            return updates(LOOKED_AT, before, now | {"table": told, "retry": gr.update(active=error.passing)})
        first, last, total = offset + 1, offset + len(page["rows"]), page["total"]
        now |= {
            "count": f"{first} to {last} of {total}" if page["rows"] else "0 of 0",
            "earlier": gr.update(interactive=offset > 0),
            "later": gr.update(interactive=last < total),
            "table": rows_table(result["model"], page, first),
            "retry": gr.update(active=False),
            "offset": offset,
        }
        return updates(LOOKED_AT, before, now)


def build() -> Fields:
    """Put the search on the page."""
    with gr.Column(visible=False, elem_id="air-batch-rows") as box:
        html("<h2>One by one</h2>")
        with gr.Row(elem_classes="air-search"):
            show = gr.Radio([("All", ALL)], value=ALL, label="Show", interactive=True, scale=3, min_width=280)
            label = gr.Dropdown(
                [("Any answer", ANY)],
                value=ANY,
                label="Answered",
                filterable=False,
                interactive=True,
                scale=1,
                min_width=180,
            )
        with gr.Row(elem_classes=["air-actions", "air-pages"]):
            earlier = gr.Button("Earlier", size="sm", interactive=False, min_width=90, elem_id="air-batch-earlier")
            count = html(html_template='<p role="status">${value}</p>', elem_id="air-batch-count")
            later = gr.Button("Later", size="sm", interactive=False, min_width=90, elem_id="air-batch-later")
        table = html(elem_id="air-batch-table-rows")
    return Fields(box, show, label, count, earlier, later, table, clock.timer(clock.RETRY, active=False))


def wire(api: Client, fields: Fields, result: gr.State) -> None:
    """Search whatever `result` holds: what `filters` says of a job, or nothing."""
    search = Search(api)
    before, wanted = gr.State({}), gr.State(None)
    looked_at = [before, *(getattr(fields, name) for name in LOOKED_AT)]
    triggers = [result.change, wanted.change, fields.show.input, fields.label.input, fields.retry.tick]
    gr.on(triggers, search.look, [before, result, fields.show, fields.label, wanted], looked_at, **EVENTS)
    for button, step in ((fields.earlier, -PAGE), (fields.later, PAGE)):
        button.click(partial(_turn, step), before, wanted, **EVENTS)


def _turn(step: int, before: Sent) -> dict[str, Any]:
    return {"place": before["place"], "offset": max(0, before["offset"] + step)}
