"""Models of any table: every kind of column, gaps, and the three kinds of question."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.metrics import accuracy_score, r2_score, roc_auc_score

from models import catalog, specs
from models.artifact import checkpoint
from models.table.model import TableModel
from settings import Settings, get_settings
from tests.helpers.samples import flats, profiles
from training.batch_predict.results import PARQUET
from training.batch_predict.run import predict
from training.datasets import new_model, tables
from training.datasets.new_model import NewModel
from training.results import held_out
from training.runs.config import BatchPredict, TrainTable
from training.runs.errors import ConfigError
from training.table import learner_options
from training.table import train as stage


@pytest.fixture(scope="module")
def flat_settings(training_settings: Settings) -> Iterator[Settings]:
    """Settings whose AIR_HOME is the process's, with the three models in it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIR_HOME", str(training_settings.air_home))
        get_settings.cache_clear()
        for target in flats.TARGETS:
            flats.write(training_settings.air_home, target)
        yield training_settings
    get_settings.cache_clear()


@pytest.fixture(scope="module")
def trained(flat_settings: Settings) -> dict[str, Path]:
    """The folder of a version of each model."""
    return {
        target: stage.train(specs.get(name), TrainTable(), flat_settings)[1] for target, name in flats.NAMES.items()
    }


def _plain(table: tables.Table, split: str) -> tuple[np.ndarray, np.ndarray]:
    """The same rows for scikit-learn: categories as numbers, words counted."""
    columns, target = table.part(split)
    plain = []
    for feature in table.features:
        values = columns[feature.name]
        if feature.kind == "category":
            values = np.array([np.nan if one is None else feature.categories.index(one) for one in values])
        if feature.kind == "text":
            plain += [np.array([text.count(word) for text in values]) for word in ("garden", "dark", "loud")]
            continue
        plain.append(values)
    return np.column_stack(plain).astype(float), target


@pytest.mark.parametrize("target", flats.TARGETS)
def test_answers_are_as_good_as_scikit_learns(trained: dict[str, Path], target: str) -> None:
    spec, model = specs.get(flats.NAMES[target]), catalog.load(trained[target])
    table = tables.read(spec)
    rows, truth = _plain(table, "test")
    answers = model.predict(table.rows("test"))
    peer = HistGradientBoostingRegressor if target == "price" else HistGradientBoostingClassifier
    fitted = peer(random_state=0).fit(*_plain(table, "train"))
    if target == "price":
        ours, theirs = r2_score(truth, answers), r2_score(truth, fitted.predict(rows))
    elif target == "class":
        ours, theirs = accuracy_score(truth, answers.argmax(1)), fitted.score(rows, truth)
    else:
        ours, theirs = roc_auc_score(truth == 0, answers), roc_auc_score(truth == 0, fitted.predict_proba(rows)[:, 0])
    assert ours >= theirs - 0.01


def test_what_depends_on_several_columns_at_once_is_learned_of_many_rows(
    flat_settings: Settings, tmp_path: Path
) -> None:
    random = np.random.default_rng(3)
    places = random.uniform(0, 4, (12_000, 4)).round(3)
    black = (np.floor(places[:, :3]).sum(1) + (random.random(len(places)) < 0.05)) % 2
    file = tmp_path / "cubes.csv"
    pd.DataFrame(places, columns=list("abcd")).assign(colour=np.where(black, "black", "white")).to_csv(
        file, index=False
    )
    spec = new_model.add(NewModel(name="cubes", dataset="d1"), profiles.table(file), file, flat_settings)
    model = catalog.load(stage.train(spec, TrainTable(), flat_settings)[1])
    table = tables.read(spec)
    (rows, truth), (seen, learned) = _plain(table, "test"), _plain(table, "train")
    peer = HistGradientBoostingClassifier(random_state=0).fit(seen, learned)
    ours, theirs = model.predict(table.rows("test")), peer.predict_proba(rows)[:, 0]
    assert roc_auc_score(truth == 0, ours) >= roc_auc_score(truth == 0, theirs) - 0.01


@pytest.mark.parametrize(
    ("target", "metrics"),
    [
        ("price", {"rmse", "mae", "r2"}),
        ("class", {"logloss", "error", "auc", "accuracy"}),
        ("quick", {"logloss", "error", "auc"}),
    ],
)
def test_version_has_the_figures_of_its_question(trained: dict[str, Path], target: str, metrics: set[str]) -> None:
    metadata = checkpoint.read_metadata(trained[target])
    assert set(metadata.metrics) == {f"{split}_{name}" for split in ("validation", "test") for name in metrics}
    evaluation = checkpoint.read_evaluation(trained[target])
    table = tables.read(specs.get(flats.NAMES[target]))
    assert evaluation["validation"]["rows"] == (table.split == "validation").sum()
    if target == "price":
        _, truth = table.part("test")
        answers = catalog.load(trained[target]).predict(table.rows("test"))
        assert metadata.metrics["test_rmse"] == pytest.approx(np.sqrt(((answers - truth) ** 2).mean()))
        assert sum(evaluation["test"]["residuals"]["counts"]) == len(truth)
        assert ("thresholds" in evaluation, "confusion" in evaluation["test"]) == (False, False)
    else:
        assert np.sum(evaluation["test"]["confusion"]["matrix"]) == (table.split == "test").sum()


@pytest.mark.parametrize("target", flats.TARGETS)
def test_contributions_of_all_columns_sum_to_the_answer(trained: dict[str, Path], target: str) -> None:
    model: TableModel = catalog.load(trained[target])
    rows = tables.read(specs.get(flats.NAMES[target])).rows("test", 40)
    answers = model.predict(rows)
    explained = model.encode(rows, answers, explain=True)
    assert set(explained[0]["contributions"]) == {"area", "year", "city", "lift", "sold", "note", "bias"}
    sums = np.array([sum(one["contributions"].values()) for one in explained])
    if target == "price":
        np.testing.assert_allclose(sums, answers, rtol=1e-5)
    elif target == "quick":
        np.testing.assert_allclose(sums, np.log(answers / (1 - answers)), atol=1e-4)
    else:
        margins = model.learner.booster.inplace_predict(model.preprocessor(rows), predict_type="margin")
        np.testing.assert_allclose(sums, margins.max(axis=1), atol=1e-4)


def test_gap_and_unseen_category_are_answered_and_said(trained: dict[str, Path]) -> None:
    model: TableModel = catalog.load(trained["price"])
    row = tables.read(specs.get("flat-price")).rows("test", 1)
    row[0, model.features.index("city")] = "Kyoto"
    row[0, model.features.index("area")] = np.nan
    row[0, model.features.index("year")] = 1066.0
    (said,) = model.encode(row, model.predict(row))
    assert (said["missing"], said["unseen"], said["out_of_range"]) == (["area"], ["city"], ["year"])
    assert 100 < said["value"] < 900


def test_what_the_training_rows_held_is_in_the_artifact(trained: dict[str, Path]) -> None:
    metadata = checkpoint.read_metadata(trained["price"])
    area, year, city, lift, sold, note = metadata.preprocessor["features"]
    table = tables.read(specs.get("flat-price"))
    columns, _ = table.part("train")
    assert area["missing"] == pytest.approx(np.isnan(columns["area"]).mean())
    assert (area["min"], area["max"]) == (np.nanmin(columns["area"]), np.nanmax(columns["area"]))
    assert sorted(city["categories"]) == flats.CITIES
    assert [one["kind"] for one in (lift, sold, note)] == ["boolean", "date", "text"]
    assert metadata.data["left_out"] == {"number": "the spec leaves it out"}
    steps = [(step["step"], step["columns"]) for step in metadata.preprocessor["steps"]]
    # The year has its own steps; lift and sold had no gap in training, and may have one later.
    assert steps == [
        ("impute-mean", ["year"]),
        ("one-hot", ["city"]),
        ("impute-median", ["lift", "sold"]),
        ("count-words", ["note"]),
        ("standard", ["year"]),
    ]


def test_same_rows_in_another_order_and_as_parquet_have_the_same_splits(
    flat_settings: Settings, tmp_path: Path
) -> None:
    spec = specs.get("flat-class")
    frame = pd.read_csv(spec.path("flats.csv"), parse_dates=["sold"]).sample(frac=1, random_state=3)
    frame["lift"] = frame["lift"] == "yes"
    frame.to_parquet(tmp_path / "flats.parquet", index=False)
    assert tables.read(spec, str(tmp_path / "flats.parquet")).fingerprint == tables.read(spec).fingerprint


def test_versions_answer_their_validation_rows_for_a_comparison(
    trained: dict[str, Path], flat_settings: Settings
) -> None:
    answers = held_out.answers(str(trained["price"]), flat_settings)
    shown = held_out.load(specs.get("flat-price"), flat_settings, checkpoint.read_metadata(trained["price"]))
    assert answers.shape == (len(shown.truth), 1)
    row = shown.inputs.shown(shown.inputs.at(np.array([0]))[0])["row"]
    assert (type(row["lift"]), row["sold"][:3], set(row)) == (bool, "202", {*row})
    assert shown.label(0) == f"{shown.truth[0]:.6g}"


@pytest.mark.parametrize(
    ("target", "columns"),
    [
        ("price", ["line", "value", "out_of_range", "missing", "unseen", "error"]),
        ("class", ["line", "label", "probability", "out_of_range", "missing", "unseen", "error"]),
        ("quick", ["line", "label", "probability_quick", "out_of_range", "missing", "unseen", "error"]),
    ],
)
@pytest.mark.usefixtures("trained")
def test_batch_answers_each_line_and_keeps_its_columns(
    flat_settings: Settings, tmp_path: Path, target: str, columns: list[str]
) -> None:
    given = flats.frame(40).drop(columns=list(flats.TARGETS)).astype(object)
    given.loc[0, "city"] = "Kyoto"
    given.loc[1, "area"] = "large"
    given.loc[2, "sold"] = "last summer"
    given.loc[3, "area"] = None
    given.to_csv(tmp_path / "flats.csv", index=False)
    config = BatchPredict(data=str(tmp_path / "flats.csv"), num_workers=1)
    result = predict(specs.get(flats.NAMES[target]), config, flat_settings, tmp_path / "out")
    rows = pq.read_table(tmp_path / "out" / PARQUET)
    assert rows.column_names == [*columns, "number", "area", "year", "city", "lift", "sold", "note"]
    rows = rows.to_pylist()
    assert (result["rows"], result["errors"]) == (40, 2)
    assert (rows[0]["unseen"], rows[3]["missing"]) == ("city", "area")
    assert rows[1]["error"].startswith("area: 'large' is not a number")
    assert rows[2]["error"].startswith("sold: 'last summer' is not a date")
    model: TableModel = catalog.load(Path(_champion(flat_settings, target)))
    one = model.described
    row = {feature.name: rows[5][feature.name] for feature in one}
    values = np.array([[feature.value(row[feature.name]) for feature in one]], dtype=object)
    (answer,) = model.encode(values, model.predict(values))
    key = columns[1]
    assert rows[5][key] == (pytest.approx(answer[key]) if key == "value" else answer[key])


@pytest.mark.parametrize("learner", ["linear", "mlp", "keras"])
@pytest.mark.parametrize(
    ("target", "metric", "least"), [("price", "r2", 0.8), ("class", "auc", 0.9), ("quick", "auc", 0.8)]
)
def test_other_learners_learn_from_the_same_columns_and_explain_their_answers(
    flat_settings: Settings, target: str, metric: str, least: float, learner: str
) -> None:
    spec = specs.get(flats.NAMES[target])
    if why := learner_options.missing(learner):
        with pytest.raises(ConfigError, match=why):
            TrainTable(learner=learner).completed(spec)
        return
    version, folder, metrics = stage.train(spec, TrainTable(learner=learner), flat_settings)
    assert metrics[f"test_{metric}"] > least
    model: TableModel = catalog.load(folder)
    assert (model.backend, model.metadata.config["learner"]) == ("numpy", learner)
    rows = tables.read(spec).rows("test", 40)
    rows[0, model.features.index("city")] = "Kyoto"
    rows[1, model.features.index("area")] = np.nan
    answers = model.predict(rows)
    explained = model.encode(rows, answers, explain=True)
    assert (explained[0]["unseen"], explained[1]["missing"]) == (["city"], ["area"])
    margins = model.learner.margins(model.preprocessor(rows)).max(axis=1)
    sums = [sum(one["contributions"].values()) for one in explained]
    np.testing.assert_allclose(sums, margins, rtol=1e-6)
    batch = predict(spec, BatchPredict(version=version, num_workers=1), flat_settings, folder.parent / f"of-{version}")
    assert batch["errors"] == 0
    key = "rmse" if target == "price" else "logloss"
    assert checkpoint.read_evaluation(folder)["test"][key] == metrics[f"test_{key}"]


def _champion(settings: Settings, target: str) -> str:
    from training.results import publishing

    return publishing.open_registry(settings).resolve(flats.NAMES[target], "champion").source


def test_row_without_a_target_is_left_out_and_counted(flat_settings: Settings, tmp_path: Path) -> None:
    spec = specs.get("flat-quick")
    frame = pd.read_csv(spec.path("flats.csv"))
    frame.loc[:24, "quick"] = None
    frame.to_csv(tmp_path / "gaps.csv", index=False)
    table = tables.read(spec, str(tmp_path / "gaps.csv"))
    assert (table.dropped, len(table.target)) == (25, len(frame) - 25)
    assert "25 rows have no target and are left out" in stage.said_of(table)


OWN_STEP = '''
import numpy as np

class Preprocessor:
    """Cuts off what lies beyond the middle 90 % of the training rows."""

    def fit(self, values):
        return [float(np.nanquantile(values, share)) for share in (0.05, 0.95)]

    def apply(self, values, fitted):
        return np.clip(values, *fitted)
'''


def test_step_of_ones_own_is_kept_by_name_and_hash_and_needed_for_loading(flat_settings: Settings) -> None:
    folder = flat_settings.air_home / "preprocessors"
    folder.mkdir()
    (folder / "cut.py").write_text(OWN_STEP)
    spec = specs.get("flat-price")
    own = spec.columns | {"area": spec.columns["area"].model_copy(update={"preprocess": ("own:cut", "standard")})}
    _, checkpoint_folder, metrics = stage.train(spec.model_copy(update={"columns": own}), TrainTable(), flat_settings)
    assert metrics["validation_r2"] > 0.7
    model: TableModel = catalog.load(checkpoint_folder)
    step = next(one for one in model.metadata.preprocessor["steps"] if one["step"] == "own:cut")
    columns, _ = tables.read(spec).part("train")
    assert step["fitted"] == [[np.nanquantile(columns["area"], 0.05), np.nanquantile(columns["area"], 0.95)]]
    encoded = model.preprocessor(columns)[:, 0]
    assert len(np.unique(encoded[np.isfinite(encoded)])) < len(np.unique(columns["area"]))
    (folder / "cut.py").write_text(OWN_STEP + "\n# changed\n")
    with pytest.raises(checkpoint.CheckpointError, match=r"cut\.py has changed since own:cut was fitted"):
        catalog.load(checkpoint_folder)
    (folder / "cut.py").unlink()
    with pytest.raises(checkpoint.CheckpointError, match=r"own:cut needs the file .*cut\.py, which is not there"):
        catalog.load(checkpoint_folder)
