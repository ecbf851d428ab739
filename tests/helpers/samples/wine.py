"""A third model, as a user would add one: scikit-learn's wine, two of its three classes, as a spec and a CSV."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from sklearn.datasets import load_wine

NAME, POSITIVE, NEGATIVE = "wine", "Barolo", "Grignolino"
SPEC = """\
name = "wine"
family = "table"
title = "Wine"
question = "Which grape is this wine made of?"
gate = {metric = "validation_auc", margin = 0.01, words = "validation AUC"}

[data]
title = "wines of Piedmont"
file = "wine.csv"
target = "grape"
labels = {0 = "Barolo", 1 = "Grignolino"}
positive = "Barolo"
groups = {chemistry = "Chemistry"}

[columns]
alcohol = {unit = "%", group = "chemistry", preprocess = ["standard"]}
"""


def write(home: Path) -> None:
    """Put the model into an AIR_HOME, before the app starts."""
    folder = home / "models" / NAME
    folder.mkdir(parents=True)
    (folder / "spec.toml").write_text(SPEC)
    table().to_csv(folder / "wine.csv", index=False)


def table() -> pd.DataFrame:
    """The wines with their grape, 0 or 1."""
    frame = load_wine(as_frame=True).frame.rename(columns={"target": "grape"})
    return frame[frame["grape"] < 2]
