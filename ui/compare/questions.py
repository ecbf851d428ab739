"""What champion and version are asked: a picture, a row, or what was wrong with either."""

from __future__ import annotations

import json
import time
from typing import Any

from ui.kit.client import ApiError

NO_ROW = "This is not a row: paste one JSON object with a number for each feature, like the one of “Another row”."

# The model, when it was asked, and `path`, `image` or `row` with the `truth` if it is known; or a `problem`.
Question = dict[str, Any]


def asked(model: str, **what: Any) -> Question:
    """A new question, also when it is about the same as the last one."""
    return {"model": model, "asked": time.time_ns()} | what


def of_example(model: str, example: dict[str, Any]) -> Question:
    """An example of the validation set, whose truth is known."""
    if example.get("row"):
        return asked(model, row=example["row"], truth=example["label"])
    return asked(model, image=example["image"], truth=example["label"])


def of_text(model: str, text: str, before: Question | None) -> Question:
    """A row that was pasted or changed; one that is as it was taken keeps its known truth."""
    try:
        row = read_row(text)
    except ApiError as error:
        return asked(model, problem=str(error))
    known = {"truth": before["truth"]} if before and before.get("row") == row and "truth" in before else {}
    return asked(model, row=row, **known)


def read_row(text: str) -> dict[str, Any]:
    """A row that was pasted; the API checks its features. Raises ApiError."""
    try:
        row = json.loads(text)
        # The API cannot be sent infinite numbers or halves of characters.
        json.dumps(row, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise ApiError(NO_ROW) from None
    if not isinstance(row, dict) or any(isinstance(value, (dict, list)) for value in row.values()):
        raise ApiError(NO_ROW)
    return row


def shown(row: dict[str, Any]) -> str:
    """A row as a text to paste."""
    return json.dumps(row, indent=1)
