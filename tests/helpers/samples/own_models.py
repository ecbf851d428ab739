"""Replies of the API about data and models of a person's own, as docs/api.md describes them.

A regression with a category, a date, a truth value and gaps, a model of three classes with free text, and the profiles
of a table and of a ZIP file of pictures. ``BODIES`` has them by the name of their schema.
"""

from __future__ import annotations

from typing import Any

from models.table.steps import FITTING

Json = dict[str, Any]
PRICES, BIRDS = "flat-prices", "penguins"
STEPS = {kind: list(names) for kind, names in FITTING.items()}


def about(name: str, family: str = "table", **more: Any) -> Json:
    """What a model is."""
    words = {"title": name.replace("-", " ").capitalize(), "question": f"What is it, {name}?", "notice": ""}
    gate = {"metric": "validation_r2", "words": "validation R²", "margin": 0.01}
    figures = [{"key": "r2", "title": "R²", "help": "1 is perfect", "form": "number", "better": "high"}]
    rest = {"kind": None, "positive": None, "own": True, "corrections": False, "gate": gate, "figures": figures}
    return {"family": family} | words | rest | more


def feature(name: str, kind: str, **more: Any) -> Json:
    """A column of a table model."""
    numbers = {"min": None, "max": None, "median": None, "step": None}
    rest = {"group": "other", "group_title": "", "unit": "", "categories": None, "preprocess": [], "missing": 0.0}
    return {"name": name, "kind": kind} | rest | numbers | more


def model(name: str, described: Json, labels: list[str]) -> Json:
    """A model with its one version."""
    version = {
        "version": "1",
        "aliases": ["champion"],
        "metrics": {"validation_r2": 0.81},
        "created": "2026-11-23T10:00:00+00:00",
        "config": {},
        "source": {"run": "r", "command": "c", "seed": 0, "duration_s": 3.0, "hardware": {}, "data": {}},
    }
    replica = {"replica": f"{name}-0", "version": "1", "backend": "xgboost", "precision": "fp32"}
    return {"name": name, "about": described, "labels": labels, "versions": [version], "serving": [replica]}


MODELS = {
    PRICES: model(
        PRICES, about(PRICES, kind="regression", title="Flat prices", question="What does this flat cost?"), []
    ),
    BIRDS: model(
        BIRDS,
        about(BIRDS, kind="multiclass", title="Penguins", question="Which penguin is this?"),
        ["Adelie", "Chinstrap", "Gentoo"],
    ),
}
FEATURES = {
    PRICES: [
        feature("area", "number", unit="m²", min=20.0, max=180.0, median=70.0, step=1.0),
        feature("rooms", "number", min=1.0, max=7.0, median=3.0, step=1.0, missing=0.2),
        feature("district", "category", categories=["North", "Old town", "Harbour"], preprocess=["one-hot"]),
        feature("lift", "boolean", missing=0.1),
        feature("built", "date", min="1900-01-01", max="2024-06-30"),
    ],
    BIRDS: [
        feature("bill", "number", unit="mm", min=32.0, max=60.0, median=44.0, step=0.1),
        feature("island", "category", categories=["Biscoe", "Dream", "Torgersen"], preprocess=["one-hot"]),
        feature("remarks", "text", preprocess=["hash-words"], missing=0.5),
        *(feature(f"measure {number}", "number", min=0.0, max=9.0, median=4.0, step=1.0) for number in range(9)),
    ],
}
ROWS: dict[str, Json] = {
    PRICES: {"area": 64.0, "rooms": None, "district": "Old town", "lift": True, "built": "1987-05-01"},
    BIRDS: {"bill": 39.1, "island": "Dream", "remarks": "brown, seen twice"}
    | {f"measure {number}": float(number) for number in range(9)},
}
TRUTHS = {PRICES: "231000", BIRDS: "Adelie"}


def answer(name: str, row: Json) -> Json:
    """What a model answers to a row."""
    names = [one["name"] for one in FEATURES[name]]
    known = {one["name"]: one["categories"] for one in FEATURES[name] if one["categories"]}
    found: Json = {
        "out_of_range": [],
        "missing": [one for one in names if row.get(one) is None],
        "unseen": [one for one, values in known.items() if row.get(one) and row[one] not in values],
    }
    pushes = {one: 2000.0 - 900.0 * place for place, one in enumerate(names)}
    if name == PRICES:
        pushes["bias"] = 234_500.0 - sum(pushes.values())
        return found | {"value": 234_500.0, "contributions": pushes}
    shares = {"Adelie": 0.72, "Chinstrap": 0.2, "Gentoo": 0.08}
    scores = {one: value / 1000 for one, value in pushes.items()} | {"bias": 0.1}
    return found | {"label": "Adelie", "probability": 0.72, "probabilities": shares, "contributions": scores}


def column(name: str, kind: str, **more: Any) -> Json:
    """A column of a profile."""
    suggestion = {"use": True, "kind": kind, "preprocess": [], "why": f"a {kind}"}
    rest: Json = {"missing": 0, "distinct": 3, "examples": ["a", "b"], "min": None, "max": None, "top": []}
    return {"name": name, "kind": kind} | rest | {"suggestion": suggestion, "warnings": []} | more


def suggested(use: bool, kind: str | None, preprocess: list[str], why: str) -> Json:
    """What is proposed for a column."""
    return {"use": use, "kind": kind, "preprocess": preprocess, "why": why}


TABLE: Json = {
    "dataset": "d1",
    "family": "table",
    "name": "Bike shop_orders.csv",
    "created": "2026-11-23T10:00:00+00:00",
    "rows": 1000,
    "pictures": None,
    "columns": [
        column(
            "order",
            "identifier",
            distinct=1000,
            examples=["1", "2", "3"],
            suggestion=suggested(False, None, [], "every row has another value: an index"),
            warnings=["It counts the rows, so it says nothing about a new one."],
        ),
        column("amount", "number", distinct=800, examples=["12.5", "99"], min=1.5, max=4200.0, missing=12),
        column(
            "colour",
            "category",
            examples=["red", "blue"],
            top=[{"value": "red", "count": 600}, {"value": "blue", "count": 300}, {"value": "green", "count": 100}],
            suggestion=suggested(True, "category", ["one-hot"], "one-hot: 3 categories"),
        ),
        column("ordered", "date", distinct=300, min="2024-01-01", max="2025-12-31", examples=["2024-02-03"]),
        column(
            "express",
            "boolean",
            distinct=2,
            examples=["true", "false"],
            top=[{"value": "false", "count": 700}, {"value": "true", "count": 300}],
        ),
        column(
            "returned",
            "category",
            distinct=2,
            examples=["no", "yes"],
            top=[{"value": "no", "count": 900}, {"value": "yes", "count": 100}],
        ),
        column("shop", "constant", distinct=1, suggestion=suggested(False, None, [], "always the same")),
    ],
    "classes": [],
    "target": {
        "column": "returned",
        "kind": "binary",
        "labels": ["no", "yes"],
        "positive": "yes",
        "why": "the last column, with two values",
    },
    "steps": STEPS,
    "problems": ["2 rows are there twice; they stay together in one part."],
}
PICTURES: Json = TABLE | {
    "dataset": "d2",
    "family": "image",
    "name": "shapes.zip",
    "rows": None,
    "pictures": 60,
    "columns": [],
    "classes": [{"label": "circle", "pictures": 40}, {"label": "square", "pictures": 20}],
    "target": None,
    "steps": STEPS,
    "problems": ["circle/7.png cannot be read as a picture."],
}
BODIES: dict[str, list[Json]] = {
    "Dataset": [TABLE, PICTURES],
    "Model": list(MODELS.values()),
    "Features": [{"name": name, "features": features} for name, features in FEATURES.items()],
    "Examples": [
        {"name": name, "source": "validation", "examples": [{"id": "0", "label": TRUTHS[name], "row": ROWS[name]}]}
        for name in MODELS
    ],
}
