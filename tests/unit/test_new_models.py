"""Models that people add: what their specs say, what is refused, and that a cut-off leaves no half model."""

from __future__ import annotations

import csv
import re
import shutil
import tomllib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image
from pydantic import ValidationError

from models import specs
from models.specs import folders
from settings import Settings, get_settings
from tests.helpers.samples.profiles import pictures, table
from training import add
from training.datasets import new_model
from training.datasets.new_model import NewModel
from training.runs.config import TrainTable
from training.runs.errors import OptionError

ROWS = 120


def _wines() -> dict[str, list[str]]:
    """Columns of every kind, with the target class."""
    rows = range(ROWS)
    return {
        "id": [f"bottle-{i}" for i in rows],
        "alcohol": [f"{11 + i % 17 / 10:.1f}" for i in rows],
        "colour": [("red", "white", "rosé")[i % 3] for i in rows],
        "notes": [f"it tastes of cherry number {i} and {i * 7 % 13} more" for i in rows],
        "price": [f"{5 + i * 37 % 91}.5" for i in rows],
        "maker": [f"house {i % 110}" for i in rows],
        "country": ["Italy"] * ROWS,
        "class": [("Barolo", "Grignolino")[i % 4 == 0] for i in rows],
    }


def _write(path: Path, columns: dict[str, list[str]]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([columns, *zip(*columns.values(), strict=True)])
    return path


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CSV file of wines."""
    return _write(tmp_path_factory.mktemp("sent") / "wines.csv", _wines())


@pytest.fixture(scope="module")
def wines(sent: Path) -> SimpleNamespace:
    """Its dataset."""
    return table(sent)


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, set_environment: Callable[..., None]) -> Settings:
    """The settings of an empty AIR_HOME."""
    set_environment(AIR_HOME=str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    return get_settings()


def _spec(dataset: SimpleNamespace, data: Path, **given: Any) -> dict[str, Any]:
    wanted = NewModel(**{"name": "wine", "dataset": "d1", **given})
    return tomllib.loads(new_model.spec_text(wanted, dataset, data, get_settings()))


def test_spec_follows_the_profile_where_the_request_says_nothing(wines: SimpleNamespace, sent: Path) -> None:
    assert _spec(wines, sent) == {
        "name": "wine",
        "family": "table",
        "title": "Wine",
        "question": "What is the class?",
        "data": {
            "title": "my.csv",
            "file": "data.csv",
            "target": "class",
            "kind": "binary",
            "labels": {"Barolo": "Barolo", "Grignolino": "Grignolino"},
            "positive": "Grignolino",
        },
        "columns": {
            "id": {"use": False},
            "alcohol": {"kind": "number", "preprocess": []},
            "colour": {"kind": "category", "preprocess": ["one-hot"]},
            "notes": {"kind": "text", "preprocess": ["hash-words"]},
            "price": {"kind": "number", "preprocess": []},
            "maker": {"use": False},
            "country": {"use": False},
        },
    }


@pytest.mark.parametrize(("rows", "leaves"), [(3_999, None), (4_000, 31)])
def test_trees_of_many_rows_grow_by_leaves(wines: SimpleNamespace, sent: Path, rows: int, leaves: int | None) -> None:
    large = SimpleNamespace(**vars(wines) | {"rows": rows})
    preset = _spec(large, sent).get("presets", {}).get("default", {})
    assert preset.get("params", {}).get("max_leaves") == leaves
    if leaves:
        new_model.add(NewModel(name="wine", dataset="d1"), large, sent, get_settings())
        config = TrainTable().completed(specs.get("wine"))
        assert (config.max_depth, config.params["grow_policy"], config.early_stopping) == (15, "lossguide", 50)


def test_request_says_more_than_the_profile(wines: SimpleNamespace, sent: Path) -> None:
    spec = _spec(
        wines,
        sent,
        target="price",
        title="Prices",
        question="What does it cost?",
        columns={
            "price": {"unit": "€"},
            "alcohol": {"preprocess": ["impute-mean", "standard"], "unit": "%"},
            "colour": {"use": False},
            "id": {"use": True, "kind": "category"},
        },
    )
    assert (spec["title"], spec["question"]) == ("Prices", "What does it cost?")
    assert spec["data"] == {"title": "my.csv", "file": "data.csv", "target": "price", "kind": "regression", "unit": "€"}
    assert spec["columns"]["alcohol"] == {"kind": "number", "preprocess": ["impute-mean", "standard"], "unit": "%"}
    assert spec["columns"]["colour"] == {"use": False}
    assert spec["columns"]["id"] == {"kind": "category"}
    several = _spec(wines, sent, target="colour")["data"]
    assert (several["kind"], list(several["labels"])) == ("multiclass", ["red", "rosé", "white"])
    assert _spec(wines, sent, positive="Barolo")["data"]["positive"] == "Barolo"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"target": "age"}, "target: there is no column 'age'; there are: id, alcohol, colour, notes, price, "),
        ({"target": "country"}, "target: Column 'country' has one value, 'Italy', in all its rows; a target "),
        ({"target": "id"}, "target: Column 'id' is an identifier"),
        ({"target": "maker"}, "target: Column 'maker' has 110 classes; a target has at most 100 classes."),
        ({"target": "notes", "kind": "regression"}, "target: Column 'notes' does not hold numbers"),
        ({"target": "colour", "kind": "binary"}, "target: Column 'colour' has 3 classes; a question with two answers"),
        ({"positive": "Nebbiolo"}, "positive: there is no 'Nebbiolo' in 'class'; there are Barolo and Grignolino."),
        ({"target": "price", "positive": "1"}, "positive: 'price' is a number, which has no positive class."),
        ({"columns": {"age": {"use": False}}}, "columns.age: there is no such column; there are: id, alcohol, "),
        ({"columns": {"class": {"use": False}}}, "columns: it is the target; only its unit can be given."),
        ({"columns": {"id": {"use": True}}}, "columns.id.kind: it is an identifier; to use it, say its kind: number, "),
        ({"columns": {"notes": {"kind": "number"}}}, "columns.notes.kind: Line 2, column 'notes': "),
        (
            {"columns": {"alcohol": {"preprocess": ["scale"]}}},
            "columns.alcohol.preprocess: there is no step 'scale'; for the kind number there are: standard, ",
        ),
        (
            {"columns": {"alcohol": {"preprocess": ["one-hot"]}}},
            "columns.alcohol.preprocess: one-hot does not fit a column of the kind number; these do: standard, ",
        ),
        (
            {"columns": {"alcohol": {"preprocess": ["own:../x"]}}},
            "columns.alcohol.preprocess: there is no step 'own:../x'",
        ),
        (
            {"columns": {"alcohol": {"preprocess": ["own:mine"]}}},
            "columns.alcohol.preprocess: there is no mine.py in AIR_HOME/preprocessors.",
        ),
        (
            {"columns": {name: {"use": False} for name in ("alcohol", "colour", "notes", "price")}},
            "columns: no column is left to predict 'class' from.",
        ),
        ({"title": "Breast cancer"}, "title: a model, or a screen of the page, is titled 'Breast cancer' already."),
        ({"title": "Your data"}, "title: a model, or a screen of the page, is titled 'Your data' already."),
    ],
)
def test_wrong_request_is_named_with_its_field(
    wines: SimpleNamespace, sent: Path, given: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(OptionError, match=f"^{re.escape(sentence)}"):
        _spec(wines, sent, **given)


def test_dataset_without_a_proposed_target_needs_one(wines: SimpleNamespace, sent: Path) -> None:
    nothing = SimpleNamespace(**vars(wines) | {"target": None})
    with pytest.raises(OptionError, match="target: name the column to predict; there are: id, alcohol"):
        _spec(nothing, sent)
    assert _spec(nothing, sent, target="class")["data"]["positive"] == "Grignolino"


@pytest.mark.parametrize("name", ["Wine", "wine!", "", "-wine", "../wine", "w" * 41, "wine\n"])
def test_name_that_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="name"):
        NewModel(name=name, dataset="d1")


def test_a_step_of_ones_own_needs_its_file(settings: Settings, wines: SimpleNamespace, sent: Path) -> None:
    (settings.air_home / "preprocessors").mkdir()
    (settings.air_home / "preprocessors" / "mine.py").write_text("")
    spec = _spec(wines, sent, columns={"alcohol": {"preprocess": ["own:mine"]}})
    assert spec["columns"]["alcohol"]["preprocess"] == ["own:mine"]


def test_any_text_of_a_table_is_the_same_text_in_the_spec(tmp_path: Path) -> None:
    odd = ['a "quoted" one', "a.b", "it's", "back\\slash", "Grün ☃ 🍷", "[x] # =", "'''", '"""', "\x7f"]
    columns = {name: [str(i * 7 % 101 / 2) for i in range(ROWS)] for name in odd}
    data = _write(tmp_path / "odd.csv", {**columns, "class": [odd[i % len(odd)] for i in range(ROWS)]})
    spec = _spec(table(data, 'my "odd"\n.csv'), data)
    assert list(spec["columns"]) == odd
    assert spec["data"].pop("labels") == {label: label for label in odd}
    assert spec["data"] == {"title": 'my "odd"\n.csv', "file": "data.csv", "target": "class", "kind": "multiclass"}


def test_model_of_pictures_has_their_classes_and_nothing_of_tables(tmp_path: Path) -> None:
    given = pictures(cat=20, dog=30)
    assert _spec(given, tmp_path / "my.zip") == {
        "name": "wine",
        "family": "image",
        "title": "Wine",
        "question": "What does a picture show?",
        "data": {"title": "my.zip", "folder": "pictures.zip", "labels": ["cat", "dog"]},
    }
    with pytest.raises(OptionError, match="target: a model of pictures has none"):
        _spec(given, tmp_path, target="cat")


def test_added_model_is_there_with_its_data_and_a_second_one_of_the_name_is_refused(
    settings: Settings, wines: SimpleNamespace, sent: Path, tmp_path: Path
) -> None:
    data = Path(shutil.copy(sent, tmp_path))
    wanted = NewModel(name="wine", dataset="d1")
    spec = new_model.add(wanted, wines, data, settings)
    assert (spec.name, spec.data.classes, spec.columns["id"].use) == ("wine", ["Grignolino", "Barolo"], False)
    data.unlink()  # the model has its own
    assert spec.path(spec.data.file).read_text() == sent.read_text()
    with pytest.raises(folders.CannotAdd, match="There is a model wine already"):
        new_model.add(wanted, wines, sent, settings)
    with pytest.raises(folders.CannotAdd, match="jobs is a path of the API"):
        new_model.add(NewModel(name="jobs", dataset="d1"), wines, sent, settings)


def test_number_of_models_is_limited(wines: SimpleNamespace, sent: Path, set_environment: Callable[..., None]) -> None:
    set_environment(AIR_MAX_MODELS="2")
    with pytest.raises(folders.CannotAdd, match="There are 2 models, which is the limit; .*AIR_MAX_MODELS"):
        new_model.add(NewModel(name="wine", dataset="d1"), wines, sent, get_settings())


def test_writing_that_is_cut_off_leaves_no_model(settings: Settings, wines: SimpleNamespace) -> None:
    with suppress(KeyboardInterrupt), folders.adding("wine") as folder:
        (folder / "spec.toml").write_text("name = ")
        raise KeyboardInterrupt
    assert list(specs.own_root().glob("*wine*")) == []
    with pytest.raises(OSError, match="No such file"):
        new_model.add(NewModel(name="wine", dataset="d1"), wines, settings.air_home / "gone.csv", settings)
    assert list(specs.own_root().glob("*wine*")) == []
    assert "wine" not in specs.names()


def test_model_that_is_taken_away_can_come_back_and_its_name_is_taken_until_it_is_deleted(
    settings: Settings, wines: SimpleNamespace, sent: Path
) -> None:
    new_model.add(NewModel(name="wine", dataset="d1"), wines, sent, settings)
    folders.take_away("wine")
    assert ("wine" in specs.names(), folders.put_aside()) == (False, ["wine"])
    with pytest.raises(folders.CannotAdd, match="wine is being deleted; try again"):
        folders.refuse("wine")
    folders.bring_back("wine")
    assert specs.get("wine").title == "Wine"
    folders.take_away("wine")
    folders.delete("wine")
    folders.refuse("wine")
    assert sorted(path.name for path in specs.own_root().iterdir()) == [".lock"]


def test_command_says_what_it_chose_and_why_and_how_to_train(
    sent: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = shutil.copy(sent, tmp_path / "My Wines 2.csv")
    assert add.main([str(data), "--target", "colour"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("my-wines-2: My wines 2. What is the colour?\ntarget: colour, multiclass, red, rosé, white")
    assert "\n  id: not used (It is left out: " in said
    assert "\n  alcohol: number (a number, as it is.)" in said
    assert "\n  notes: text hash-words (hash-words: 120 different texts.)" in said
    assert said.endswith("train it with: python -m training my-wines-2\n")
    assert specs.get("my-wines-2").data.kind == "multiclass"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--target", "age"], "There is no column 'age'; there are 'id', 'alcohol', "),
        (
            ["--name", "Wine"],
            "name: must be a letter and at most 39 more letters (a to z), digits and hyphens.",
        ),
        (["--name", "jobs"], "jobs is a path of the API; choose another name."),
        (["--family", "image"], "It is not a ZIP archive"),
    ],
)
def test_wrong_option_of_the_command_is_named(
    sent: Path, options: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert add.main([str(sent), *options]) == 2
    assert capsys.readouterr().err.startswith(f"error: {sentence}")
    assert specs.names() == ["cifar10", "breast-cancer"]


def test_folder_of_pictures_becomes_a_model_with_a_copy_of_it(tmp_path: Path) -> None:
    for label in ("cat", "dog"):
        (tmp_path / "pets" / label).mkdir(parents=True)
        for i in range(10):
            Image.new("RGB", (32, 32), (i * 20, 0, 0)).save(tmp_path / "pets" / label / f"p{i}.PNG")
    assert add.main([str(tmp_path / "pets")]) == 0
    spec = specs.get("pets")
    assert (spec.family, spec.data.labels) == ("image", ["cat", "dog"])
    assert len(list(spec.path(spec.data.folder).glob("*/p?.PNG"))) == 20
