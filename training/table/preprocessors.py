"""Fits the preprocessing steps of a table on its training rows with ``ray.data.preprocessors``.

The fitted numbers are kept in the artifact; ``models/table/preprocessing.py`` applies them. The steps at the same place
of the columns' lists run together, so that a step is fitted on what the steps before it made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from models.specs import ModelSpec
from models.table import own_steps, steps
from models.table.features import Feature
from models.table.preprocessing import function_of
from models.table.steps import FITTING, Step
from training.runs.errors import ConfigError

# A column of values for each name; what a step learned of them.
Columns = Mapping[str, np.ndarray]
Fit = Callable[[Columns], dict[str, Any]]
BUCKETS = 64
MOST_WORDS = 500
# The values that stand for a missing one where nothing better is known.
CONSTANT, NO_TEXT = 0.0, "missing"
# Fitted on more rows, an exponent changes in its last digits.
ROWS_FOR_POWER = 10_000


def chosen(spec: ModelSpec, feature: Feature, scaled: bool) -> tuple[str, ...]:
    """The names of a feature's steps: those of the spec, else the defaults of its kind. Raises ConfigError.

    ``scaled``: it is standardised as well.
    """
    given = spec.column(feature.name).preprocess
    if given is None:
        given = steps.defaults(feature.kind, len(feature.categories))
    if feature.is_numeric and not (feature.missing or spec.data.complete_rows) and not _fills(given):
        # The trees did not learn what a missing value means, and a later row may lack one.
        given = ("impute-median", *given)
    if scaled and feature.is_numeric and "standard" not in given:
        given = (*given, "standard")
    wrong = next((name for name in given if name not in FITTING[feature.kind] and not own_steps.is_own(name)), None)
    if wrong is not None:
        raise ConfigError(
            f"column {feature.name!r}: {wrong!r} is not a step for a {feature.kind}; "
            f"there are {', '.join(FITTING[feature.kind])}."
        )
    encoders = [name for name in given if name in steps.ENCODERS or own_steps.is_own(name)]
    if not feature.is_numeric and encoders != list(given[-1:]):
        raise ConfigError(f"column {feature.name!r}: a {feature.kind} needs one encoder, as its last step.")
    return given


def _fills(steps_: tuple[str, ...]) -> bool:
    return any(name.startswith("impute") for name in steps_)


def fit(columns: Columns, chains: Mapping[str, Sequence[str]]) -> list[Step]:
    """The fitted steps of training rows: a column of values, and the names of its steps, for each feature."""
    fitted: list[Step] = []
    now = dict(columns)
    for place in range(max(map(len, chains.values()), default=0)):
        together: dict[str, list[str]] = {}
        for column, chain in chains.items():
            if place < len(chain):
                # A text has steps of its own, since each has a list of values.
                alone = now[column].dtype == object
                together.setdefault(f"{chain[place]} {column}" if alone else chain[place], []).append(column)
        for members in together.values():
            name = chains[members[0]][place]
            step = {"step": name, "columns": members, **_fitted(name, {column: now[column] for column in members})}
            now |= _changed({column: now[column] for column in members}, step)
            fitted.append(step)
    return fitted


def _fitted(name: str, columns: Columns) -> dict[str, Any]:
    if not own_steps.is_own(name):
        return _FIT[name](columns)
    try:
        return own_steps.fit(name, dict(columns))
    except Exception as error:
        # The step is somebody's own code.
        raise ConfigError(f"{name}: {error}") from error


def _changed(columns: Columns, step: Step) -> Columns:
    """The columns after a step; an encoder is the last one."""
    if _is_encoder(step["step"], next(iter(columns.values()))):
        return {}
    if len(columns) == 1 and step["step"].startswith("impute"):
        return {name: steps.impute(values, step["value"][0]) for name, values in columns.items()}
    changed = function_of(step)(np.column_stack(list(columns.values())), step)
    return dict(zip(columns, changed.T, strict=True))


def _is_encoder(name: str, values: np.ndarray) -> bool:
    return name in steps.ENCODERS or (own_steps.is_own(name) and values.dtype == object)


def _stats(make: Callable[..., Any], columns: Columns, **options: Any) -> dict[str, Any]:
    """What a preprocessor of Ray learns of columns."""
    import pyarrow as pa
    import ray

    rows = ray.data.from_arrow(pa.table({name: pa.array(values, from_pandas=True) for name, values in columns.items()}))
    return make(columns=list(columns), **options).fit(rows).stats_


def _or(number: float | None) -> float:
    """A statistic, or 0 of a column without any value."""
    return 0.0 if number is None else float(number)


def _scaler(kind: str, *statistics: str) -> Fit:
    def fit_scaler(columns: Columns) -> dict[str, Any]:
        from ray.data import preprocessors

        stats = _stats(getattr(preprocessors, kind), columns)
        return {key: [_or(stats[f"{key}({name})"]) for name in columns] for key in statistics}

    return fit_scaler


def _power(columns: Columns, positive: bool = False) -> dict[str, Any]:
    """The exponent of each column with the greatest likelihood; Ray's PowerTransformer takes it, and fits none."""
    from scipy import stats

    found = []
    for name, given in columns.items():
        values = given[~np.isnan(given)][:ROWS_FOR_POWER]
        if positive and not (values > 0).all():
            raise ConfigError(f"column {name!r}: power-box-cox needs positive numbers; power takes any.")
        constant = len(np.unique(values)) < 2
        found.append(1.0 if constant else float((stats.boxcox if positive else stats.yeojohnson)(values)[1]))
    return {"power": found}


def _impute(strategy: str) -> Fit:
    def fit_impute(columns: Columns) -> dict[str, Any]:
        from ray.data.preprocessors import SimpleImputer

        stats = _stats(SimpleImputer, columns, strategy=strategy)
        found = [stats[f"{strategy}({name})"] for name in columns]
        return {"value": [value if isinstance(value, str) else _or(value) for value in found]}

    return fit_impute


def _impute_median(columns: Columns) -> dict[str, Any]:
    """Ray's SimpleImputer has no median; it takes one as its constant."""
    known = [values[~np.isnan(values)] for values in columns.values()]
    return {"value": [float(np.median(values)) if len(values) else 0.0 for values in known]}


def _impute_constant(columns: Columns) -> dict[str, Any]:
    return {"value": [NO_TEXT if values.dtype == object else CONSTANT for values in columns.values()]}


def _categories(columns: Columns) -> dict[str, Any]:
    """The categories of the rows in their order; OneHotEncoder and OrdinalEncoder have the same, but refuse gaps."""
    from ray.data.preprocessors import Categorizer

    (name,) = columns
    return {"values": list(_stats(Categorizer, columns)[name].categories)}


def _words(columns: Columns, most: int | None = MOST_WORDS) -> dict[str, Any]:
    from ray.data.preprocessors import CountVectorizer

    (name,) = columns
    counts = _stats(CountVectorizer, columns, max_features=most)[f"token_counts({name})"]
    return {"values": [word for word, _ in counts.most_common()]}


_FIT: dict[str, Fit] = {
    "standard": _scaler("StandardScaler", "mean", "std"),
    "min-max": _scaler("MinMaxScaler", "min", "max"),
    "max-abs": _scaler("MaxAbsScaler", "abs_max"),
    "normalize": lambda columns: {},  # noqa: ARG005 - Ray's Normalizer learns nothing
    "power": _power,
    "power-box-cox": partial(_power, positive=True),
    "impute-mean": _impute("mean"),
    "impute-median": _impute_median,
    "impute-most-frequent": _impute("most_frequent"),
    "impute-constant": _impute_constant,
    "one-hot": _categories,
    "ordinal": _categories,
    "categories": _categories,
    "hash-words": lambda columns: {"buckets": BUCKETS},  # noqa: ARG005 - nor does HashingVectorizer
    "hash-tokens": lambda columns: {**_words(columns, None), "buckets": BUCKETS},
    "count-words": _words,
}
