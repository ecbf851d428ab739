"""Batch prediction: the same answers as the model's own, in the order of the input, from every kind of source.

Tests about actors use real ones. In others ``actors_here`` predicts in this process: to start an actor
takes longer than everything else.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import ray
from PIL import Image

from models import specs
from models.image.model import ImageModel
from models.pictures.decode import decode
from models.registry import PRETRAINED
from models.specs import Family
from models.table.model import TableModel
from settings import Settings
from tests.helpers.models import IMAGES, ROWS, SHIPPED_ROWS
from tests.helpers.samples import pictures
from tests.helpers.servers.aws import KEYS
from training.batch_predict import run as batch_predict
from training.batch_predict import worker as batch_worker
from training.batch_predict.results import CSV, PARQUET
from training.batch_predict.run import main, predict
from training.batch_predict.sources import Source
from training.batch_predict.uploads import Store
from training.datasets import pictures as cifar10
from training.datasets import tables as breast_cancer
from training.runs.config import BatchPredict
from training.runs.errors import ConfigError, DataError, TrainingError
from training.runs.progress import Listener


class Heard(Listener):
    """Records the reported progress."""

    def __init__(self) -> None:
        self.steps: list[int] = []

    def step(self, done: int, total: int, note: dict[str, str]) -> None:
        """The number that is done."""
        assert done <= total
        self.steps.append(done)


def _predict(
    settings: Settings, model: str, output: Path, num_workers: int = 1, **config: Any
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The result, and the rows that were written."""
    result = predict(specs.get(model), BatchPredict(num_workers=num_workers, **config), settings, output)
    return result, pq.read_table(output / PARQUET).to_pylist()


@pytest.fixture
def actors_here(training_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Does an actor's work in this process, one block of the source after the other."""

    def answers(source: Source, model: str, family: Family, workers: int) -> Iterator[pa.Table]:
        predictor, arguments, _ = batch_predict.predictor_of(source, model, family)
        yield from map(predictor(*arguments), ray.get(source.data.to_arrow_refs()))

    monkeypatch.setattr(batch_predict, "_answers", answers)
    monkeypatch.setattr(batch_worker, "give_way", lambda: None)
    monkeypatch.setattr(batch_worker, "get_settings", lambda: training_settings)


@pytest.fixture(scope="module")
def table() -> breast_cancer.Table:
    return breast_cancer.read(ROWS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve pictures of many kinds and sizes, one truncated, one letter with a picture's name."""
    kinds = list(pictures.accepted().items())[:12]
    (tmp_path / "in" / "more").mkdir(parents=True)
    for i, (name, content) in enumerate(kinds):
        (tmp_path / "in" / ("more" if i % 2 else ".") / f"{i:02} {name}.png").write_bytes(content)
    (tmp_path / "in" / "90 cut.png").write_bytes(pictures.refused()["cut png"])
    (tmp_path / "in" / "91 letter.png").write_bytes(b"a letter")
    return tmp_path / "in"


@pytest.mark.usefixtures("actors_here")
def test_test_rows_are_answered_as_the_model_answers_them(
    training_settings: Settings, tmp_path: Path, table: breast_cancer.Table
) -> None:
    result, rows = _predict(training_settings, "breast-cancer", tmp_path)
    matrix, malignant = table.rows("test"), table.part("test")[1] == 0
    model = TableModel.load(PRETRAINED / "breast-cancer")
    expected = model.predict(matrix)
    assert [row["probability_malignant"] for row in rows] == pytest.approx(expected.tolist(), abs=1e-9)
    assert [row["truth"] == "malignant" for row in rows] == malignant.tolist()
    right = int(((expected >= 0.5) == malignant).sum())
    assert {key: result[key] for key in ("version", "source", "rows", "errors", "right")} == {
        "version": "1",
        "source": "the test set",
        "rows": 113,
        "errors": 0,
        "right": right,
    }
    assert sum(result["labels"].values()) == 113
    with (tmp_path / CSV).open(encoding="utf-8-sig") as file:
        written = list(csv.DictReader(file))
    assert [row["label"] for row in written] == [row["label"] for row in rows]


@pytest.mark.usefixtures("actors_here")
def test_test_pictures_come_in_order_with_their_truth(training_settings: Settings, tmp_path: Path) -> None:
    result, rows = _predict(training_settings, "cifar10", tmp_path)
    splits = cifar10.load(IMAGES, training_settings)
    assert [row["name"] for row in rows] == [f"test {number}" for number in range(1, 101)]
    assert [row["truth"] for row in rows] == [splits.labels[label] for label in splits.test.labels]
    assert result["right"] == sum(row["label"] == row["truth"] for row in rows)
    assert result["unsure"] == sum(row["unsure"] for row in rows)


@pytest.mark.usefixtures("actors_here")
def test_folder_of_pictures_with_bad_ones_is_answered_and_the_bad_ones_say_why(
    training_settings: Settings, tmp_path: Path, folder: Path
) -> None:
    result, rows = _predict(training_settings, "cifar10", tmp_path / "out", data=str(folder))
    assert (result["rows"], result["errors"]) == (14, 2)
    model = ImageModel.load(PRETRAINED / "cifar10")
    for row in rows:
        if row["error"]:
            assert row["label"] is None
            continue
        answer = model.predict(decode((folder / row["name"]).read_bytes(), model.size)[None])[0]
        assert row["probability"] == pytest.approx(answer.max(), abs=0.05)
    errors = {row["name"]: row["error"] for row in rows if row["error"]}
    assert set(errors) == {"90 cut.png", "91 letter.png"}
    assert "damaged or cut off" in errors["90 cut.png"]


@pytest.mark.usefixtures("actors_here")
def test_parquet_of_pictures_as_the_hub_has_them_is_read(training_settings: Settings, tmp_path: Path) -> None:
    stored = [pictures.encoded(pictures.photo(32, 32, seed=i), "PNG") for i in range(5)]
    image = pa.array([{"bytes": data, "path": None} for data in stored])
    pq.write_table(pa.table({"img": image, "label": range(5)}), tmp_path / "in.parquet")
    result, rows = _predict(training_settings, "cifar10", tmp_path, data=str(tmp_path / "in.parquet"))
    assert (result["rows"], result["errors"], [row["name"] for row in rows]) == (5, 0, [None] * 5)


def test_one_large_file_is_shared_by_the_actors_and_tells_how_far_it_is(
    training_settings: Settings, tmp_path: Path
) -> None:
    settings = training_settings.model_copy(update={"air_block_mb": 1})
    noise = np.random.default_rng(0).integers(0, 256, (900, 32, 32, 3), np.uint8)
    stored = [pictures.encoded(Image.fromarray(pixels), "PNG") for pixels in noise]
    table = pa.table({"name": [str(i) for i in range(900)], "bytes": stored})
    pq.write_table(table, tmp_path / "in.parquet")
    heard = Heard()
    config = BatchPredict(data=str(tmp_path / "in.parquet"), num_workers=2)
    predict(specs.get("cifar10"), config, settings, tmp_path / "out", heard)
    assert pq.read_table(tmp_path / "out" / PARQUET)["name"].to_pylist() == table["name"].to_pylist()
    assert len(heard.steps) >= 2
    assert heard.steps == sorted(set(heard.steps))
    assert heard.steps[-1] == 900


@pytest.mark.usefixtures("actors_here")
def test_upload_is_answered_line_by_line(
    training_settings: Settings, tmp_path: Path, table: breast_cancer.Table
) -> None:
    store = Store(training_settings)
    arrived = store.arrive()
    frame = pd.DataFrame(table.rows("train", 5), columns=table.names).astype(object).assign(patient="=1+1")
    frame.loc[2, "mean radius"] = "abc"
    frame.to_csv(arrived / "0", index=False)
    upload = store.accept(SHIPPED_ROWS, arrived, ["patients.csv"])
    result, rows = _predict(training_settings, "breast-cancer", tmp_path, upload=upload.id)
    assert (result["source"], result["rows"], result["errors"]) == ("patients.csv", 5, 1)
    assert [row["line"] for row in rows] == [2, 3, 4, 5, 6]
    assert rows[2]["error"].startswith("mean radius: 'abc' is not a number")
    assert rows[2]["label"] is None
    assert json.loads(json.dumps(rows, allow_nan=False)) == rows
    with (tmp_path / CSV).open(encoding="utf-8-sig") as file:
        assert {row["patient"] for row in csv.DictReader(file)} == {"'=1+1"}, "a spreadsheet would run the formula"


@pytest.fixture
def s3(aws: str, monkeypatch: pytest.MonkeyPatch, folder: Path, table: breast_cancer.Table) -> str:
    """A bucket with pictures, a CSV and a Parquet file: its address."""
    for name, value in {"AWS_ENDPOINT_URL": aws, **KEYS}.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3", region_name="us-east-1")
    client.create_bucket(Bucket="bucket")
    for path in folder.glob("*.png"):
        client.put_object(Bucket="bucket", Key=f"pictures/{path.name}", Body=path.read_bytes())
    frame = pd.DataFrame(table.rows("train", 7), columns=table.names)
    client.put_object(Bucket="bucket", Key="rows.csv", Body=frame.to_csv(index=False).encode())
    client.put_object(Bucket="bucket", Key="rows.parquet", Body=frame.to_parquet())
    return "s3://bucket"


@pytest.mark.usefixtures("actors_here")
@pytest.mark.parametrize(
    ("model", "path", "counts"),
    [
        ("cifar10", "pictures", (8, 2)),
        ("breast-cancer", "rows.csv", (7, 0)),
        ("breast-cancer", "rows.parquet", (7, 0)),
    ],
)
def test_source_may_lie_in_s3(
    training_settings: Settings, tmp_path: Path, s3: str, model: str, path: str, counts: tuple[int, int]
) -> None:
    result, _ = _predict(training_settings, model, tmp_path / "out", data=f"{s3}/{path}")
    assert (result["rows"], result["errors"]) == counts


@pytest.mark.parametrize(
    ("model", "config", "error", "sentence"),
    [
        ("cifar10", {"version": "7"}, ConfigError, "no version '7'"),
        ("cifar10", {"upload": "gone"}, DataError, "Send the files again"),
        ("cifar10", {"data": "/nowhere"}, DataError, "There is no file or folder /nowhere"),
        ("breast-cancer", {"data": "/nowhere.csv"}, DataError, "/nowhere.csv cannot be read"),
        ("breast-cancer", {"data": __file__}, DataError, "header"),
    ],
)
def test_what_cannot_be_read_is_said_in_a_sentence_and_nothing_is_written(
    training_settings: Settings,
    tmp_path: Path,
    model: str,
    config: dict[str, str],
    error: type[TrainingError],
    sentence: str,
) -> None:
    with pytest.raises(error, match=sentence):
        predict(specs.get(model), BatchPredict(**config), training_settings, tmp_path / "out")
    assert list(tmp_path.rglob("*.*")) == []


@pytest.mark.usefixtures("actors_here")
def test_terminal_writes_the_files_and_says_what_is_in_them(
    training_settings: Settings,
    tmp_path: Path,
    table: breast_cancer.Table,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(batch_predict, "get_settings", lambda: training_settings)
    matrix = table.rows("test")
    frame = pd.DataFrame(matrix[:4], columns=table.names).astype(object)
    frame.loc[1, "mean area"] = np.nan
    frame.to_csv(tmp_path / "rows.csv", index=False)

    assert main(["breast-cancer", "--data", str(tmp_path / "rows.csv"), "--output", str(tmp_path / "out")]) == 0

    said = capsys.readouterr().out
    assert "line 3: mean area: It is empty; a number is needed." in said
    assert "rows 4  errors 1" in said
    assert len(pd.read_csv(tmp_path / "out" / CSV)) == 4
    assert main(["breast-cancer", "--data", "/nowhere.csv"]) == 2
    assert capsys.readouterr().err == "error: /nowhere.csv cannot be read: No such file or directory.\n"
