"""Models that people add: what their specs say, what is refused, and that a cut-off leaves no half model."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError

from models import specs
from models.specs import folders
from settings import Settings, get_settings
from tests.helpers.samples.profiles import column, pictures, table, target
from training.datasets import new_model
from training.datasets.new_model import NewModel
from training.runs.errors import OptionError

GRAPE = column("grape", distinct=2, top={"0": 71, "1": 59})
WINES = table(
    column("alcohol"),
    column("colour", "category", 3),
    column("id", "identifier"),
    column("notes", "text"),
    GRAPE,
    column("price", distinct=40),
    column("origin", "category", 3, top={"Alba": 5, "Asti": 3, "Bra": 2}),
    column("lot", "category", 500),
    column("bottled", "constant", 1),
    target=target("grape", "binary", ["0", "1"], "1"),
)


@pytest.fixture
def settings(tmp_path: Path, set_environment: Callable[..., None]) -> Settings:
    """The settings of an empty AIR_HOME."""
    set_environment(AIR_HOME=str(tmp_path))
    return get_settings()


def _spec(settings: Settings, dataset: SimpleNamespace = WINES, **given: Any) -> dict[str, Any]:
    wanted = NewModel(**{"name": "wine", "dataset": "d1", **given})
    return tomllib.loads(new_model.spec_text(wanted, dataset, ".csv", settings))


def test_spec_follows_the_profile_where_the_request_says_nothing(settings: Settings) -> None:
    assert _spec(settings) == {
        "name": "wine",
        "family": "table",
        "title": "Wine",
        "question": "What is the grape?",
        "data": {
            "title": "my.csv",
            "file": "data.csv",
            "target": "grape",
            "kind": "binary",
            "labels": {"0": "0", "1": "1"},
            "positive": "1",
        },
        "columns": {
            "alcohol": {"kind": "number", "preprocess": []},
            "colour": {"kind": "category", "preprocess": ["one-hot"]},
            "id": {"use": False},
            "notes": {"kind": "text", "preprocess": ["hash-words"]},
            "price": {"kind": "number", "preprocess": []},
            "origin": {"kind": "category", "preprocess": ["one-hot"]},
            "lot": {"kind": "category", "preprocess": ["one-hot"]},
            "bottled": {"use": False},
        },
    }


def test_request_says_more_than_the_profile(settings: Settings) -> None:
    spec = _spec(
        settings,
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
    assert spec["data"] == {
        "title": "my.csv",
        "file": "data.csv",
        "target": "price",
        "kind": "regression",
        "unit": "€",
    }
    assert spec["columns"]["alcohol"] == {"kind": "number", "preprocess": ["impute-mean", "standard"], "unit": "%"}
    assert spec["columns"]["colour"] == {"use": False}
    assert spec["columns"]["id"] == {"kind": "category"}
    several = _spec(settings, target="origin")["data"]
    assert (several["kind"], list(several["labels"])) == ("multiclass", ["Alba", "Asti", "Bra"])


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"target": "age"}, "target: there is no column 'age'; there are: alcohol, colour, id, notes, grape, "),
        ({"target": "bottled"}, "target: column 'bottled' has one value only, so there is nothing to predict."),
        ({"target": "id"}, "target: column 'id' is an identifier"),
        ({"target": "lot"}, "target: column 'lot' has 500 different values; a model has at most 100 classes."),
        ({"target": "notes", "kind": "regression"}, "kind: column 'notes' holds text, no numbers, so it has classes."),
        ({"kind": "multiclass"}, "kind: column 'grape' has two values only; that is binary."),
        ({"target": "origin", "kind": "binary"}, "kind: column 'origin' has 3 different values, not two."),
        ({"positive": "2"}, "positive: column 'grape' has no value '2'; it has 0 and 1."),
        ({"target": "price", "positive": "1"}, "positive: only a model of two classes has a positive one."),
        ({"columns": {"age": {"use": False}}}, "columns.age: there is no such column; there are: alcohol, "),
        ({"columns": {"grape": {"use": False}}}, "columns: it is the target; only its unit can be given."),
        ({"columns": {"id": {"use": True}}}, "columns.id.kind: it is an identifier; to use it, say its kind: number, "),
        ({"columns": {"notes": {"kind": "number"}}}, "columns.notes.kind: it holds text, so it is no number."),
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
        ({"columns": {each.name: {"use": False} for each in WINES.columns[:4]}}, None),
        (
            {"columns": {each.name: {"use": False} for each in WINES.columns if each.name != "grape"}},
            "columns: no column is left to predict 'grape' from.",
        ),
        ({"title": "Table"}, "title: a model, or a screen of the page, is titled 'Table' already."),
        ({"title": "Your data"}, "title: a model, or a screen of the page, is titled 'Your data' already."),
    ],
)
def test_wrong_request_is_named_with_its_field(settings: Settings, given: dict[str, Any], sentence: str | None) -> None:
    if sentence is None:
        _spec(settings, **given)
        return
    with pytest.raises(OptionError, match=f"^{re.escape(sentence)}"):
        _spec(settings, **given)


def test_dataset_without_a_proposed_target_needs_one(settings: Settings) -> None:
    with pytest.raises(OptionError, match="target: name the column to predict; there are: alcohol, grape"):
        _spec(settings, table(column("alcohol"), GRAPE))
    # Then the rarer value is the positive one.
    assert _spec(settings, table(column("alcohol"), GRAPE), target="grape")["data"]["positive"] == "1"


@pytest.mark.parametrize("name", ["Wine", "wine!", "", "-wine", "../wine", "w" * 41, "wine\n"])
def test_name_that_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="name"):
        NewModel(name=name, dataset="d1")


def test_a_step_of_ones_own_needs_its_file(settings: Settings) -> None:
    (settings.air_home / "preprocessors").mkdir()
    (settings.air_home / "preprocessors" / "mine.py").write_text("")
    spec = _spec(settings, columns={"alcohol": {"preprocess": ["own:mine"]}})
    assert spec["columns"]["alcohol"]["preprocess"] == ["own:mine"]


def test_any_text_of_a_table_is_the_same_text_in_the_spec(settings: Settings) -> None:
    odd = [
        'a "quoted" one',
        "a.b",
        "it's",
        "back\\slash",
        "",
        "line\nbreak",
        "tab\t",
        "Grün ☃ 🍷",
        "[x] #",
        "\x7f\x01",
    ]
    labels = [*odd[:3], "'''", '"""']
    given = table(
        *(column(name) for name in odd),
        column("t=", "category", 5),
        target=target("t=", "multiclass", labels),
        name='my "odd"\n.csv',
    )
    spec = _spec(settings, given)
    assert list(spec["columns"]) == odd
    assert spec["data"] == {
        "title": 'my "odd"\n.csv',
        "file": "data.csv",
        "target": "t=",
        "kind": "multiclass",
        "labels": {label: label for label in labels},
    }


def test_model_of_pictures_has_their_classes_and_nothing_of_tables(settings: Settings) -> None:
    given = pictures(cat=20, dog=30)
    assert _spec(settings, given) == {
        "name": "wine",
        "family": "image",
        "title": "Wine",
        "question": "What does a picture show?",
        "data": {"title": "my.zip", "folder": "pictures", "labels": ["cat", "dog"]},
    }
    with pytest.raises(OptionError, match="target: a model of pictures has none"):
        _spec(settings, given, target="cat")


def test_added_model_is_there_with_its_data_and_a_second_one_of_the_name_is_refused(
    settings: Settings, tmp_path: Path
) -> None:
    data = tmp_path / "sent.csv"
    data.write_text("alcohol,grape\n")
    wanted = NewModel(name="wine", dataset="d1")
    spec = new_model.add(wanted, WINES, data, settings)
    assert (spec.name, spec.data.classes, spec.columns["id"].use) == ("wine", ["1", "0"], False)
    data.unlink()  # the model has its own
    assert spec.path(spec.data.file).read_text() == "alcohol,grape\n"
    with pytest.raises(folders.CannotAdd, match="There is a model wine already"):
        new_model.add(wanted, WINES, data, settings)
    with pytest.raises(folders.CannotAdd, match="jobs is a path of the API"):
        new_model.add(NewModel(name="jobs", dataset="d1"), WINES, data, settings)


def test_number_of_models_is_limited(settings: Settings, tmp_path: Path, set_environment: Callable[..., None]) -> None:
    set_environment(AIR_MAX_MODELS="2")
    with pytest.raises(folders.CannotAdd, match="There are 2 models, which is the limit; .*AIR_MAX_MODELS"):
        new_model.add(NewModel(name="wine", dataset="d1"), WINES, tmp_path / "sent.csv", settings)


def test_writing_that_is_cut_off_leaves_no_model(settings: Settings) -> None:
    with suppress(KeyboardInterrupt), folders.adding("wine") as folder:
        (folder / "spec.toml").write_text("name = ")
        raise KeyboardInterrupt
    assert list(specs.own_root().glob("*wine*")) == []
    with pytest.raises(OSError, match="No such file"):
        new_model.add(NewModel(name="wine", dataset="d1"), WINES, settings.air_home / "gone.csv", settings)
    assert list(specs.own_root().glob("*wine*")) == []
    assert "wine" not in specs.names()


def test_model_that_is_taken_away_can_come_back_and_its_name_is_taken_until_it_is_deleted(
    settings: Settings, tmp_path: Path
) -> None:
    data = tmp_path / "sent.csv"
    data.write_text("alcohol,grape\n")
    new_model.add(NewModel(name="wine", dataset="d1"), WINES, data, settings)
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
