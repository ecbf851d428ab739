"""Every preprocessing step of a table, fitted and applied here, against ``ray.data.preprocessors`` itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import ray
from ray.data import preprocessors as rays

from models.table.features import Feature
from models.table.preprocessing import Preprocessor
from models.table.steps import ENCODERS, FITTING, NUMBERS
from training.runs.errors import ConfigError
from training.table import preprocessors

pytestmark = pytest.mark.usefixtures("ray_settings")

RANDOM = np.random.default_rng(5)
ROWS = 60
NUMERIC = {"height": RANDOM.normal(170, 12, ROWS), "weight": RANDOM.gamma(9, 8, ROWS)}
GAPS = {name: np.where(RANDOM.random(ROWS) < 0.2, np.nan, values) for name, values in NUMERIC.items()}
COLOURS = np.array(RANDOM.choice(["red", "green", "blue"], ROWS), dtype=object)
TEXTS = np.array([" ".join(RANDOM.choice(["good", "bad", "very", "wine"], 4)) for _ in range(ROWS)], dtype=object)


def _ours(columns: dict[str, np.ndarray], kind: str, *chain: str) -> tuple[np.ndarray, list[dict[str, Any]]]:
    steps = preprocessors.fit(columns, dict.fromkeys(columns, chain))
    features = [Feature(name=name, kind=kind) for name in columns]
    return Preprocessor(features, steps)(columns), steps


def _theirs(columns: dict[str, np.ndarray], *chain: rays.Preprocessor) -> np.ndarray:
    rows = ray.data.from_pandas(pd.DataFrame(columns))
    given = rays.Chain(*chain).fit_transform(rows).to_pandas() if chain[0] else rows.to_pandas()
    return np.column_stack([np.array(given[name].tolist(), dtype=np.float64) for name in columns])


@pytest.mark.parametrize(
    ("step", "make"),
    [
        ("standard", rays.StandardScaler),
        ("min-max", rays.MinMaxScaler),
        ("max-abs", rays.MaxAbsScaler),
        ("normalize", rays.Normalizer),
    ],
)
def test_scaler_is_rays(step: str, make: Any) -> None:
    ours, _ = _ours(NUMERIC, "number", step)
    np.testing.assert_allclose(ours, _theirs(NUMERIC, make(columns=list(NUMERIC))), atol=1e-6)


@pytest.mark.parametrize(("step", "method"), [("power", "yeo-johnson"), ("power-box-cox", "box-cox")])
def test_power_is_rays_with_the_likeliest_exponent(step: str, method: str) -> None:
    ours, (fitted,) = _ours(NUMERIC, "number", step)
    for i, (name, values) in enumerate(NUMERIC.items()):
        one = rays.PowerTransformer(columns=[name], power=fitted["power"][i], method=method)
        np.testing.assert_allclose(ours[:, [i]], _theirs({name: values}, one), rtol=1e-6)
    skew = pd.DataFrame(np.array(ours)).skew().abs()
    assert (skew < 0.35).all()


def test_power_takes_negative_numbers_and_box_cox_says_that_it_does_not() -> None:
    values = {"change": np.array([-3.0, -0.5, 0.0, 0.5, 2.0, 9.0] * 4)}
    ours, (fitted,) = _ours(values, "number", "power")
    one = rays.PowerTransformer(columns=["change"], power=fitted["power"][0])
    np.testing.assert_allclose(ours, _theirs(values, one), atol=1e-6)
    with pytest.raises(ConfigError, match="column 'change': power-box-cox needs positive numbers"):
        _ours(values, "number", "power-box-cox")


@pytest.mark.parametrize("strategy", ["mean", "most_frequent", "median", "constant"])
def test_gap_is_filled_as_by_rays_imputer(strategy: str) -> None:
    gaps = {"height": np.round(GAPS["height"], -1)}
    ours, (fitted,) = _ours(gaps, "number", f"impute-{strategy.replace('_', '-')}")
    constant = {"median": float(np.nanmedian(gaps["height"])), "constant": 0.0}
    options = {"strategy": strategy} if strategy not in constant else {"strategy": "constant"}
    options |= {"fill_value": constant[strategy]} if strategy in constant else {}
    np.testing.assert_allclose(ours, _theirs(gaps, rays.SimpleImputer(columns=["height"], **options)), atol=1e-4)
    assert not np.isnan(ours).any()
    assert set(fitted) == {"step", "columns", "value"}


def test_chain_fits_a_step_on_what_the_step_before_made() -> None:
    ours, _ = _ours(GAPS, "number", "impute-mean", "standard", "normalize")
    names = list(GAPS)
    chain = rays.SimpleImputer(columns=names), rays.StandardScaler(columns=names), rays.Normalizer(columns=names)
    theirs = _theirs(GAPS, *chain)  # NaN where both are at their mean: a length of 0
    np.testing.assert_allclose(ours, np.nan_to_num(theirs), atol=1e-6)


def test_gap_stays_a_gap_without_an_imputer_and_does_not_spoil_the_fit() -> None:
    ours, (fitted,) = _ours(GAPS, "number", "standard")
    assert np.array_equal(np.isnan(ours), np.isnan(np.column_stack(list(GAPS.values()))))
    assert fitted["mean"] == pytest.approx([np.nanmean(values) for values in GAPS.values()])


@pytest.mark.parametrize(
    ("step", "make"), [("one-hot", rays.OneHotEncoder), ("ordinal", rays.OrdinalEncoder)], ids=["one-hot", "ordinal"]
)
def test_encoder_is_rays(step: str, make: Any) -> None:
    columns = {"colour": COLOURS}
    ours, _ = _ours(columns, "category", step)
    np.testing.assert_array_equal(ours, _theirs(columns, make(columns=["colour"])))


def test_categories_are_those_of_rays_categorizer_and_stay_one_column() -> None:
    columns = {"colour": COLOURS}
    ours, steps = _ours(columns, "category", "categories")
    rows = ray.data.from_pandas(pd.DataFrame(columns))
    codes = rays.Categorizer(columns=["colour"]).fit_transform(rows).to_pandas()["colour"].cat.codes
    np.testing.assert_array_equal(ours[:, 0], codes)
    assert Preprocessor([Feature(name="colour", kind="category")], steps).types == ["c"]


def test_missing_and_unseen_categories_have_no_code() -> None:
    steps = preprocessors.fit({"colour": COLOURS}, {"colour": ["categories"]})
    feature = Feature(name="colour", kind="category")
    given = np.array(["red", None, "mauve"], dtype=object)
    encoded = Preprocessor([feature], steps)({"colour": given})[:, 0]
    assert encoded[0] == ["blue", "green", "red"].index("red")
    assert np.isnan(encoded[1:]).all()
    one_hot = preprocessors.fit({"colour": COLOURS}, {"colour": ["one-hot"]})
    assert Preprocessor([feature], one_hot)({"colour": given}).tolist() == [[0, 0, 1], [0, 0, 0], [0, 0, 0]]
    filled = preprocessors.fit({"colour": np.append(COLOURS, None)}, {"colour": ["impute-most-frequent", "one-hot"]})
    assert Preprocessor([feature], filled)({"colour": given})[1].sum() == 1


def test_words_are_counted_and_hashed_as_by_ray() -> None:
    columns = {"review": TEXTS}
    ours, _ = _ours(columns, "text", "count-words")
    np.testing.assert_array_equal(ours, _theirs(columns, rays.CountVectorizer(columns=["review"])))
    ours, (fitted,) = _ours(columns, "text", "hash-words")
    vectorizer = rays.HashingVectorizer(columns=["review"], num_features=fitted["buckets"])
    np.testing.assert_array_equal(ours, _theirs(columns, vectorizer))
    ours, (fitted,) = _ours(columns, "text", "hash-tokens")
    tokens = rays.Tokenizer(columns=["review"]).transform(ray.data.from_pandas(pd.DataFrame(columns))).to_pandas()
    counts = pd.DataFrame([{word: list(row).count(word) for word in fitted["values"]} for row in tokens["review"]])
    hasher = rays.FeatureHasher(columns=fitted["values"], num_features=fitted["buckets"], output_column="hashed")
    hashed = hasher.transform(ray.data.from_pandas(counts)).to_pandas()["hashed"]
    np.testing.assert_array_equal(ours, np.array(hashed.tolist()))


def test_text_that_is_missing_has_no_words() -> None:
    steps = preprocessors.fit({"review": TEXTS}, {"review": ["count-words"]})
    given = np.array([None, "good wine unheard"], dtype=object)
    encoded = Preprocessor([Feature(name="review", kind="text")], steps)({"review": given})
    assert encoded.sum(axis=1).tolist() == [0, 2]


def test_date_becomes_days_month_and_weekday() -> None:
    days = np.array([19874.0, np.nan, 0.0])  # Friday 31 May 2024, nothing, Thursday 1 January 1970
    encoded = Preprocessor([Feature(name="sold", kind="date")], [])({"sold": days})
    np.testing.assert_array_equal(encoded[[0, 2]], [[19874, 5, 4], [0, 1, 3]])
    assert np.isnan(encoded[1]).all()


def test_every_step_of_every_kind_is_known() -> None:
    assert {name for names in FITTING.values() for name in names} == NUMBERS.keys() | ENCODERS.keys()
    assert preprocessors._FIT.keys() == NUMBERS.keys() | ENCODERS.keys()


def test_rows_give_the_same_as_columns() -> None:
    columns = {"height": GAPS["height"], "colour": COLOURS, "weight": NUMERIC["weight"]}
    features = [
        Feature(name="height"),
        Feature(name="colour", kind="category"),
        Feature(name="weight"),
    ]
    chains = {"height": ["impute-median"], "colour": ["one-hot"], "weight": ["standard"]}
    prepared = Preprocessor(features, preprocessors.fit(columns, chains))
    rows = np.empty((ROWS, 3), dtype=object)
    for i, name in enumerate(columns):
        rows[:, i] = columns[name]
    np.testing.assert_array_equal(prepared(rows), prepared(columns))
    assert prepared.owners == [0, 2, 1, 1, 1]
