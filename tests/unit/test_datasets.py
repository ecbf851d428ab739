"""Sources of data, splits, and the messages about missing data."""

from __future__ import annotations

import io
import pickle
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from settings import Settings
from tests.helpers.models import IMAGES, ROWS
from tests.helpers.samples import pictures
from training.datasets import pictures as cifar10
from training.datasets import tables as breast_cancer
from training.runs.errors import DataError


def _settings(folder: Path) -> Settings:
    return Settings(air_home=folder.parent / "home", cifar10_dir=folder)


def _write_parquet(folder: Path, order: np.random.Generator | None = None, labels: range = range(10)) -> None:
    for split, count in (("train", 200), ("test", 50)):
        rows = [
            {
                "img": {
                    "bytes": pictures.encoded(pictures.photo(32, 32, seed=i + (split == "test") * 1000), "PNG"),
                    "path": None,
                },
                "label": labels[i % len(labels)],
            }
            for i in range(count)
        ]
        if order is not None:
            order.shuffle(rows)
        pq.write_table(pa.Table.from_pylist(rows), folder / f"{split}-00000-of-00001.parquet")


def _without_bytes(folder: Path) -> None:
    _write_parquet(folder)
    file = folder / "train-00000-of-00001.parquet"
    rows = pq.read_table(file).to_pylist()
    rows[7]["img"] = {"bytes": None, "path": "seven.png"}
    pq.write_table(pa.Table.from_pylist(rows), file)


def test_split_depends_on_content_not_on_order(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    _write_parquet(tmp_path / "a")
    _write_parquet(tmp_path / "b", order=np.random.default_rng(1))
    one, two = (cifar10.load(IMAGES, _settings(tmp_path / name)) for name in "ab")
    assert sorted(one.validation.digests()) == sorted(two.validation.digests())
    assert one.fingerprint() == two.fingerprint()
    assert (len(one.train), len(one.validation), len(one.test)) == (180, 20, 50)
    assert not set(one.train.digests()) & set(one.validation.digests())


def test_torchvision_batches_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    random = np.random.default_rng(0)
    written = {}
    for name in [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]:
        written[name] = random.integers(0, 256, (20, 3072), dtype=np.uint8)
        content = {"data": written[name], "labels": [i % 10 for i in range(20)]}
        (folder / name).write_bytes(pickle.dumps(content))
    splits = cifar10.load(IMAGES, _settings(tmp_path))
    image = cifar10.decode_stored([splits.test.stored[3].as_py()], raw=True, size=IMAGES.data.size)[0]
    assert np.array_equal(image, written["test_batch"][3].reshape(3, 32, 32).transpose(1, 2, 0))


def test_batch_that_would_run_code_is_refused(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple:
            return (Path.touch, (tmp_path / "pwned",))

    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    (folder / "data_batch_1").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(DataError, match="data_batch_1"):
        cifar10.load(IMAGES, _settings(tmp_path))
    assert not (tmp_path / "pwned").exists()


def test_class_folders_are_read(small_cifar10: Path) -> None:
    splits = cifar10.load(IMAGES, _settings(small_cifar10))
    assert splits.labels == sorted(IMAGES.data.labels)
    assert (len(splits.train), len(splits.validation), len(splits.test)) == (360, 40, 100)
    assert len(set(splits.train.labels[:60])) == 10, "the first pictures are of every class"


@pytest.mark.parametrize(
    ("prepare", "sentence"),
    [
        (lambda folder: None, "CIFAR10_DIR"),
        (lambda folder: _write_parquet(folder, labels=range(3, 13)), "labels go from 3 to 12"),
        (lambda folder: _write_parquet(folder, labels=range(9)), "no training images of truck"),
        (lambda folder: (folder / "train-0.parquet").write_bytes(b"PAR1 no"), r"train-0\.parquet"),
        (lambda folder: [(folder / name).mkdir() for name in ("cat", "dog")], "cat has no images"),
        (lambda folder: _without_bytes(folder), r"train-00000-of-00001\.parquet, row 7, has a picture without bytes"),
    ],
    ids=["empty", "labels out of range", "a class is missing", "damaged", "empty class folder", "no bytes"],
)
def test_unusable_source_is_told_in_one_sentence(tmp_path: Path, prepare, sentence: str) -> None:
    prepare(tmp_path)
    with pytest.raises(DataError, match=sentence):
        cifar10.load(IMAGES, _settings(tmp_path))


def test_no_source_says_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CIFAR10_DIR", raising=False)
    with pytest.raises(DataError, match="Set CIFAR10_DIR"):
        cifar10.load(IMAGES, Settings(air_home=tmp_path), download=False)


def test_table_split_is_60_20_20_in_each_class_and_ignores_order() -> None:
    table = breast_cancer.read(ROWS)
    assert len(table.features) == 30
    assert {s: int((table.split == s).sum()) for s in breast_cancer.SPLITS} == {
        "train": 341,
        "validation": 115,
        "test": 113,
    }
    order = np.random.default_rng(0).permutation(len(table.split))
    again = breast_cancer._split(table.digests[order], table.target[order])
    assert (again == table.split[order]).all()


def test_shipped_csv_is_scikit_learns(tmp_path: Path) -> None:
    from sklearn.datasets import load_breast_cancer

    bundled = load_breast_cancer()
    table = breast_cancer.read(ROWS)
    assert np.array_equal(table.rows(), bundled.data)
    assert np.array_equal(table.target, bundled.target)


def _table(header: str, *columns: list) -> breast_cancer.Table:
    """A table of ten rows with a target, and what was read of it."""
    rows = zip(*columns, ["0", "1"] * 5, strict=True)
    text = "\n".join([f"{header},target", *(",".join(map(str, row)) for row in rows)])
    return breast_cancer._table(ROWS, [io.BytesIO(text.encode())], "given.csv")


VALUES = [0.5 + i * i for i in range(10)]
SHUFFLED = [3, 7, 2, 9, 11, 5, 0, 20, 4, 8]


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("", list(range(10))),
        ("", SHUFFLED),
        ("", [0, 1, 2, 3, 4] * 2),
        ("Unnamed: 0", list(range(1, 11))),
        ("index", SHUFFLED),
        ("id", SHUFFLED),
        ("patient_id", [3, 3, *SHUFFLED[:8]]),
        ("PatientID", SHUFFLED),
        ("sample no.", SHUFFLED),
        ("anything", list(range(10))),
    ],
)
def test_column_that_numbers_the_rows_is_no_feature_and_is_kept_in_mind(name: str, numbers: list[int]) -> None:
    table = _table(f"{name},a,b", numbers, VALUES, VALUES[::-1])
    assert (table.names, table.rows().shape) == (["a", "b"], (10, 2))
    assert list(table.left_out) == [name or "column 1"]


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("acid", SHUFFLED),
        ("nodes", SHUFFLED),
        ("number", [1, 1, *SHUFFLED[:8]]),
        ("id", VALUES),
        ("mean index", VALUES),
    ],
)
def test_column_of_measurements_is_a_feature_whatever_it_resembles(name: str, numbers: list) -> None:
    assert _table(f"a,{name}", VALUES, numbers).names == ["a", name]


PATIENTS = [f"patient_{i}" for i in range(10)]


@pytest.mark.parametrize(
    ("name", "cells", "why"),
    [
        ("patient", PATIENTS, "it has another text in each row, and an identifier's name"),
        ("sample name", PATIENTS, "it has another text in each row, and an identifier's name"),
        ("Code", PATIENTS, "it has another text in each row, and an identifier's name"),
        ("", PATIENTS, "it has another text in each row, and no name"),
        ("patient_id", ["P-1", *PATIENTS[:9]], "it is an identifier by its name, and has text"),
        ("uuid", ["8e5", "17", *PATIENTS[:7], PATIENTS[6]], "it is an identifier by its name, and has text"),
    ],
)
def test_identifier_that_is_text_is_no_feature_and_is_kept_in_mind(name: str, cells: list[str], why: str) -> None:
    table = _table(f"a,{name},b", VALUES, cells, VALUES[::-1])
    assert (table.names, table.left_out) == (["a", "b"], {name or "column 2": why})
    assert table.rows()[3].tolist() == [VALUES[3], VALUES[6]]


@pytest.mark.parametrize(
    ("name", "cells"),
    [("site", PATIENTS), ("code", ["red", "blue"] * 5), ("patient no", [*map(str, SHUFFLED[:9]), "wide"])],
)
def test_text_that_is_no_identifier_is_refused_by_its_column(name: str, cells: list[str]) -> None:
    with pytest.raises(DataError, match=rf"column '{name}': '\w+' is not a number"):
        _table(f"a,{name}", VALUES, cells)


def test_identifiers_of_several_files_are_looked_at_together() -> None:
    files = [
        io.BytesIO("\n".join(["code,a,target", *(f"{part}{i},{i}.5,{i % 2}" for i in range(10))]).encode())
        for part in ("x", "y")
    ]
    table = breast_cancer._table(ROWS, files, "given")
    assert (table.names, len(table.split), list(table.left_out)) == (["a"], 20, ["code"])
    with pytest.raises(DataError, match="column 'code': 'x0' is not a number"):
        breast_cancer._table(ROWS, [files[0], files[0]], "given")


def test_training_reads_numbers_as_a_batch_prediction_does() -> None:
    rows = [f"1.00{i};{i},5;{i % 2};" for i in range(10)]
    table = breast_cancer._table(ROWS, [io.BytesIO("\n".join(["a;b;target;", *rows]).encode())], "given.csv")
    assert (table.names, table.left_out) == (["a", "b"], {})
    assert table.rows()[1].tolist() == [1001, 1.5]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a;b;target\n1;1.001;0\n", "Line 2, column 'b': '1.001' may be 1001 or 1.001"),
        (",a,target\n0.5,1,0\n0.25,1,1\n", "Column 1 has no name"),
        ('a,n,target\n1,"2,0\n2,3,1\n', "Line 2, column 'n': a quote opens here"),
        ("PAR1", "cannot be read as Parquet"),
    ],
)
def test_training_table_is_refused_by_line_and_column(text: str, sentence: str) -> None:
    with pytest.raises(DataError, match=f"^given.csv: .*{sentence}"):
        breast_cancer._table(ROWS, [io.BytesIO(text.encode())], "given.csv")
