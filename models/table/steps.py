"""The preprocessing steps of the table family, as functions of numpy arrays and of fitted numbers.

A fitted step is a JSON object: its name ("step"), its columns, and a list of numbers or values for each of them.
Training fits the steps with ``ray.data.preprocessors`` (``training/table/preprocessors.py``); training, batch
predictions and serving apply them here, to the same values as Ray's own ``transform``.

NUMBERS change numbers in place; ENCODERS turn a column of texts into several columns of numbers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from models.specs import ColumnKind

# A fitted step.
Step = dict[str, Any]

# Ray's scalers take a smaller spread for none.
SMALLEST = 1e-8
# XGBoost's own categories are one column; every other column is a quantity.
QUANTITY, CATEGORY = "q", "c"


def standard(values: np.ndarray, step: Step) -> np.ndarray:
    """StandardScaler: mean 0, standard deviation 1."""
    std = np.array(step["std"])
    return (values - np.array(step["mean"])) / np.where(std < SMALLEST, 1.0, std)


def min_max(values: np.ndarray, step: Step) -> np.ndarray:
    """MinMaxScaler: 0 to 1."""
    low, high = np.array(step["min"]), np.array(step["max"])
    return (values - low) / np.where(high - low < SMALLEST, 1.0, high - low)


def max_abs(values: np.ndarray, step: Step) -> np.ndarray:
    """MaxAbsScaler: -1 to 1, and 0 stays 0."""
    largest = np.array(step["abs_max"])
    return values / np.where(largest == 0, 1.0, largest)


def normalize(values: np.ndarray, step: Step) -> np.ndarray:  # noqa: ARG001 - the interface of all steps
    """Normalizer: each row's values of these columns get the Euclidean length 1; zeros alone stay zeros."""
    length = np.sqrt((values**2).sum(axis=1, keepdims=True))
    return values / np.where(length == 0, 1.0, length)


def power(values: np.ndarray, step: Step) -> np.ndarray:
    """PowerTransformer by Yeo and Johnson, "A new family of power transformations", Biometrika 87 (2000)."""
    exponents, negative = np.array(step["power"]), values < 0
    # Box and Cox's of |x| + 1; below zero mirrored, with 2 minus the exponent.
    raised = _raised(np.log1p(np.abs(values)), np.where(negative, 2 - exponents, exponents))
    return np.where(negative, -raised, raised)


def power_box_cox(values: np.ndarray, step: Step) -> np.ndarray:
    """PowerTransformer by Box and Cox, "An analysis of transformations", J. R. Stat. Soc. B 26 (1964).

    It is defined for positive numbers; others become NaN.
    """
    return _raised(np.log(np.where(values > 0, values, np.nan)), np.array(step["power"]))


def _raised(logarithms: np.ndarray, exponents: np.ndarray) -> np.ndarray:
    """(x ** exponent - 1) / exponent of the logarithms of x, and for the exponent 0 its limit, the logarithm."""
    with np.errstate(over="ignore"):
        powers = np.expm1(exponents * logarithms) / np.where(exponents == 0, 1.0, exponents)
    return np.where(exponents == 0, logarithms, powers)


def impute(values: np.ndarray, value: float | str) -> np.ndarray:
    """SimpleImputer: a fixed value where a column (n,) has none."""
    missing = np.equal(values, None) if values.dtype == object else np.isnan(values)
    return np.where(missing, value, values)


def _impute_all(values: np.ndarray, step: Step) -> np.ndarray:
    return np.where(np.isnan(values), np.array(step["value"]), values)


def one_hot(texts: np.ndarray, step: Step) -> np.ndarray:
    """OneHotEncoder: a column for each category; all 0 for a missing or unseen one."""
    codes = _codes(texts, step["values"])
    return (codes[:, None] == np.arange(len(step["values"]))).astype(np.float64)


def ordinal(texts: np.ndarray, step: Step) -> np.ndarray:
    """OrdinalEncoder, Categorizer: the number of the category; NaN for a missing or unseen one."""
    codes = _codes(texts, step["values"])
    return np.where(codes < 0, np.nan, codes)[:, None]


def hash_words(texts: np.ndarray, step: Step) -> np.ndarray:
    """HashingVectorizer: the words of a text, counted in ``buckets`` columns."""
    return _counted(texts, lambda word: bucket(word, step["buckets"]), step["buckets"])


def hash_tokens(texts: np.ndarray, step: Step) -> np.ndarray:
    """Tokenizer and FeatureHasher: the words of the training rows, counted in ``buckets`` columns."""
    known = {word: bucket(word, step["buckets"]) for word in step["values"]}
    return _counted(texts, known.get, step["buckets"])


def count_words(texts: np.ndarray, step: Step) -> np.ndarray:
    """CountVectorizer: the most frequent words of the training rows, a column for each."""
    places = {word: i for i, word in enumerate(step["values"])}
    return _counted(texts, places.get, len(places))


@lru_cache(maxsize=65_536)
def bucket(word: str, buckets: int) -> int:
    """The column of a word, as ``ray.data.preprocessors`` hashes it."""
    return int.from_bytes(hashlib.sha256(word.encode()).digest(), "big") % buckets


def words(text: str) -> list[str]:
    """The words of a text, as Ray's Tokenizer splits it."""
    return text.split(" ")


def _codes(texts: np.ndarray, values: Sequence[str]) -> np.ndarray:
    places = {value: i for i, value in enumerate(values)}
    return np.fromiter((places.get(text, -1) for text in texts), dtype=np.int64, count=len(texts))


def _counted(texts: np.ndarray, place: Callable[[str], int | None], width: int) -> np.ndarray:
    counts = np.zeros((len(texts), width))
    for row, text in zip(counts, texts, strict=True):
        for word in words(text) if text is not None else ():
            at = place(word)
            if at is not None:
                row[at] += 1
    return counts


NUMBERS: dict[str, Callable[[np.ndarray, Step], np.ndarray]] = {
    "standard": standard,
    "min-max": min_max,
    "max-abs": max_abs,
    "normalize": normalize,
    "power": power,
    "power-box-cox": power_box_cox,
    "impute-mean": _impute_all,
    "impute-median": _impute_all,
    "impute-most-frequent": _impute_all,
    "impute-constant": _impute_all,
}
ENCODERS: dict[str, Callable[[np.ndarray, Step], np.ndarray]] = {
    "one-hot": one_hot,
    "ordinal": ordinal,
    "categories": ordinal,
    "hash-words": hash_words,
    "hash-tokens": hash_tokens,
    "count-words": count_words,
}
FITTING: dict[ColumnKind, tuple[str, ...]] = {
    "number": tuple(NUMBERS),
    "boolean": tuple(NUMBERS),
    "date": tuple(NUMBERS),
    "category": ("impute-most-frequent", "impute-constant", "one-hot", "ordinal", "categories"),
    "text": ("hash-words", "hash-tokens", "count-words"),
}
# More categories are a single column of XGBoost's own.
MOST_ONE_HOT = 10


def defaults(kind: ColumnKind, categories: int) -> tuple[str, ...]:
    """The steps of a column for which none are named; ``categories``: how many different ones it has."""
    if kind == "category":
        return ("one-hot",) if categories <= MOST_ONE_HOT else ("categories",)
    return ("hash-words",) if kind == "text" else ()
