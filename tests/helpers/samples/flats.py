"""A table of flats with every kind of column and gaps, and models of it: a number, several classes, two classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

CITIES = ["Bonn", "Oslo", "Paris", "Rome"]
COLUMNS = """
[columns]
area = {kind = "number", unit = "m²"}
year = {kind = "number", preprocess = ["impute-mean", "standard"]}
city = {kind = "category"}
lift = {kind = "boolean"}
sold = {kind = "date"}
note = {kind = "text", preprocess = ["count-words"]}
number = {kind = "text", use = false}
"""
TARGETS = {
    "price": 'kind = "regression"\nunit = "k€"',
    "class": 'kind = "multiclass"\nlabels = {low = "low", mid = "mid", high = "high"}',
    "quick": 'kind = "binary"\nlabels = {yes = "quick", no = "slow"}\npositive = "quick"',
}
NAMES = {"price": "flat-price", "class": "flat-class", "quick": "flat-quick"}


def frame(rows: int = 900) -> pd.DataFrame:
    """The table; a tenth of the areas and of the cities are missing."""
    random = np.random.default_rng(21)
    words = np.array(["bright", "dark", "quiet", "loud", "garden"])
    flats = pd.DataFrame(
        {
            "area": np.round(random.gamma(8, 10, rows), 1),
            "year": random.integers(1900, 2025, rows),
            "city": random.choice(CITIES, rows),
            "lift": random.choice(["yes", "no"], rows),
            "sold": pd.Timestamp("2020-01-01") + pd.to_timedelta(random.integers(0, 1500, rows), unit="D"),
            "note": [" ".join(random.choice(words, 3)) for _ in range(rows)],
            "number": [f"flat {i}" for i in range(rows)],
        }
    )
    price = flats["area"] * 4 + (flats["city"] == "Oslo") * 120 + flats["note"].str.count("garden") * 60
    flats["price"] = np.round(price + (flats["year"] - 1960) * 0.5 + random.normal(0, 8, rows), 1)
    flats["class"] = pd.cut(flats["price"], [-1e9, 320, 420, 1e9], labels=["low", "mid", "high"]).astype(str)
    slow = 0.01 * (flats["price"] - 370) - 1.5 * (flats["lift"] == "yes") + random.logistic(0, 0.5, rows)
    flats["quick"] = np.where(slow < 0, "yes", "no")
    flats.loc[random.random(rows) < 0.1, "area"] = np.nan
    flats.loc[random.random(rows) < 0.1, "city"] = None
    return flats


def write(home: Path, target: str, rows: int = 900) -> str:
    """Put the model of a target into an AIR_HOME; returns its name."""
    name = NAMES[target]
    folder = home / "models" / name
    folder.mkdir(parents=True)
    others = [one for one in TARGETS if one != target]
    frame(rows).drop(columns=others).to_csv(folder / "flats.csv", index=False, date_format="%Y-%m-%d")
    (folder / "spec.toml").write_text(
        f'name = "{name}"\nfamily = "table"\ntitle = "Flats by {target}"\nquestion = "What is this flat like?"\n'
        f'[data]\nfile = "flats.csv"\ntarget = "{target}"\n{TARGETS[target]}\n{COLUMNS}'
    )
    return name
