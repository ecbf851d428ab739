"""What a person wants of a data set: defaults for the form, and the request that creates the model."""

from __future__ import annotations

import re
from typing import Any

from ui.kit.models import BINARY, MULTICLASS, REGRESSION, TABLE
from ui.kit.words import listed

LONGEST_NAME, LONGEST_TARGET = 40, 80
DECIDE = ""
QUESTIONS = [
    ("As the data says", DECIDE),
    ("One of two classes", BINARY),
    ("One of several classes", MULTICLASS),
    ("A number", REGRESSION),
]
KINDS = [
    ("Number", "number"),
    ("Category", "category"),
    ("Yes or no", "boolean"),
    ("Text", "text"),
    ("Date", "date"),
]
PICTURE_QUESTION = "What does this picture show?"
NOT_A_NAME = re.compile(r"[^a-z0-9]+")

Dataset = dict[str, Any]
Column = dict[str, Any]


def name_of(dataset: Dataset) -> str:
    """A model's name after the file's: `Wine quality (red).csv` is `wine-quality-red`."""
    name = NOT_A_NAME.sub("-", _stem(dataset).lower()).strip("-")
    name = name if name[:1].isalpha() else f"my-{name}".strip("-")
    return name[:LONGEST_NAME].strip("-")


def title_of(dataset: Dataset) -> str:
    """Its title: `Wine quality (red)`."""
    title = " ".join(re.split(r"[_\s]+", _stem(dataset))).strip() or "My data"
    return f"{title[0].upper()}{title[1:]}"[:LONGEST_NAME]


def _stem(dataset: Dataset) -> str:
    return str(dataset["name"]).rpartition(".")[0] or str(dataset["name"])


def question_of(dataset: Dataset, target: str | None) -> str:
    """Its question, where the person gives none."""
    name = " ".join((target or "").split())[:LONGEST_TARGET]
    return f"What is {name}?" if dataset["family"] == TABLE and name else PICTURE_QUESTION


def column_of(dataset: Dataset, name: str | None) -> Column | None:
    """A column of the data set."""
    return next((column for column in dataset["columns"] if column["name"] == name), None)


def features_of(dataset: Dataset) -> list[Column]:
    """The columns that may be used, each with the steps for its kinds: all but the constant ones, which say nothing."""
    return [column | {"steps": dataset["steps"]} for column in dataset["columns"] if column["kind"] != "constant"]


def kind_for(dataset: Dataset, target: str | None) -> str:
    """Which question the proposal has for its target; for another target the API decides."""
    proposed = dataset["target"]
    return proposed["kind"] if proposed and proposed["column"] == target else DECIDE


def is_proposed(dataset: Dataset, target: str, kind: str) -> bool:
    """Whether this is the question that the profile proposes."""
    proposed = dataset["target"]
    return bool(proposed) and (proposed["column"], proposed["kind"]) == (target, kind or proposed["kind"])


def news_of(dataset: Dataset, about: Dataset) -> list[str]:
    """What the profile for another question warns of, and the first one does not."""
    known = {column["name"]: column["warnings"] for column in dataset["columns"]}
    warned = [
        f"{column['name']}: {sentence}"
        for column in about["columns"]
        for sentence in column["warnings"]
        if sentence not in known[column["name"]]
    ]
    return [*warned, *(sentence for sentence in about["problems"] if sentence not in dataset["problems"])]


def classes_of(dataset: Dataset, target: str | None, kind: str) -> tuple[list[str], str | None]:
    """The two classes of a target, of which one is positive, and that of the proposal; none for any other target."""
    proposed = dataset["target"]
    if proposed and proposed["column"] == target and proposed["kind"] == BINARY and kind in (DECIDE, BINARY):
        return [str(label) for label in proposed["labels"]], _text(proposed["positive"])
    column = column_of(dataset, target)
    if column is None or column["distinct"] != 2 or kind not in (DECIDE, BINARY):
        return [], None
    labels = [str(value["value"]) for value in column["top"] or []]
    return (labels, labels[-1]) if len(labels) == 2 else ([], None)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def why_of(dataset: Dataset, target: str | None) -> str:
    """Why this target is proposed, or what the column holds."""
    proposed = dataset["target"]
    if proposed and proposed["column"] == target:
        return proposed["why"]
    column = column_of(dataset, target)
    return f"{column['distinct']:,} different values" if column else "The column that the model is to answer"


def summary(dataset: Dataset) -> str:
    """`wine.csv: 1,599 rows in 12 columns`, `shapes.zip: 120 pictures of 3 classes`."""
    if dataset["family"] == TABLE:
        return f"{dataset['name']}: {dataset['rows']:,} rows in {len(dataset['columns'])} columns."
    return f"{dataset['name']}: {dataset['pictures']:,} pictures of {len(dataset['classes'])} classes."


def changes(column: Column, use: bool, kind: str | None, steps: list[str] | None) -> dict[str, Any]:
    """What a person wants of a column that the suggestion does not say."""
    suggested = column["suggestion"]
    changed: dict[str, Any] = {} if use == suggested["use"] else {"use": use}
    if not use:
        return changed
    if kind and kind != suggested["kind"]:
        changed["kind"] = kind
    if steps is not None and (steps != list(suggested["preprocess"]) or "kind" in changed):
        # Steps that suit the former kind say nothing of the new one: without any, it has its own.
        kept = [step for step in steps if step in column["steps"].get(kind or "", [])]
        if kept or "kind" not in changed:
            changed["preprocess"] = kept if "kind" in changed else steps
    return changed


def request(
    dataset: Dataset,
    words: dict[str, str | None],
    target: str | None,
    kind: str,
    positive: str | None,
    columns: dict[str, dict[str, Any]],
) -> dict[str, Any]:
    """``POST /models``: only what the API does not decide by itself. ``words`` are name, title and question."""
    given = {key: (text or "").strip() for key, text in words.items()}
    given["question"] = given["question"] or question_of(dataset, target)
    wanted = {"dataset": dataset["dataset"]} | {key: text for key, text in given.items() if text}
    if dataset["family"] != TABLE:
        return wanted
    if target:
        wanted["target"] = target
    if kind:
        wanted["kind"] = kind
    if positive and classes_of(dataset, target, kind)[0]:
        wanted["positive"] = positive
    own = {name: changed for name, changed in columns.items() if changed and name != target}
    return wanted | ({"columns": own} if own else {})


def in_words(steps: list[str]) -> str:
    """The steps of a column in words."""
    return listed(steps) if steps else "as it is"
