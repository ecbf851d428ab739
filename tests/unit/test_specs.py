"""Specs of models: what ships, what a spec leaves to its family, and what is wrong with one."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from models import specs
from settings import SettingsError
from tests.helpers.models import IMAGES, ROWS
from tests.helpers.samples import digits
from tests.helpers.samples.wine import SPEC


def test_shipped_models_are_an_image_and_a_table_model() -> None:
    assert [(spec.name, spec.family) for spec in (IMAGES, ROWS)] == [("cifar10", "image"), ("breast-cancer", "table")]
    assert ROWS.data.classes == ["malignant", "benign"]
    assert len(ROWS.columns) == 30
    assert [name for name, column in ROWS.columns.items() if column.preprocess == ("standard",)] == [
        "mean radius",
        "mean texture",
    ]


def test_preset_of_a_spec_changes_only_what_it_names() -> None:
    assert IMAGES.presets["best"]["minutes"] == 75
    assert (IMAGES.presets["best"]["epochs"], IMAGES.presets["best"]["cutout"]) == (34, 10)


def test_spec_of_a_user_has_the_presets_and_searches_of_its_family(
    tmp_path: Path, set_environment: Callable[..., None]
) -> None:
    _write(tmp_path, SPEC)
    set_environment(AIR_HOME=str(tmp_path))
    assert specs.names() == ["cifar10", "breast-cancer", "wine"]
    assert list(specs.get("wine").presets) == ["default", "linear", "mlp", "keras"]
    assert specs.get("wine").searches["default"]["num_samples"] == 50
    assert specs.get("wine").column("proline").preprocess is None


def test_unknown_model_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(specs.UnknownModel, match="There is no model 'mnist'; there are cifar10 and breast-cancer"):
        specs.get("mnist")


@pytest.mark.parametrize(
    ("wrong", "right", "sentence"),
    [
        ('name = "Wine"', 'name = "wine"', "name: .*lower-case letters"),
        ('name = "jobs"', 'name = "wine"', "name: .*no path of the API"),
        ('family = "sound"', 'family = "table"', "family: "),
        ('family = "image"', 'family = "table"', "data does not fit the family image"),
        ('positive = "Nebbiolo"', 'positive = "Barolo"', "positive is 'Nebbiolo', which labels does not name"),
        ('labels = {0 = "Barolo"}', 'labels = {0 = "Barolo", 1 = "Grignolino"}', "labels must name two classes"),
        ('labels = {0 = "Barolo", 1 = "Barolo"}', 'labels = {0 = "Barolo", 1 = "Grignolino"}', "must be different"),
        ("colour = 1", 'title = "Wine"', "title: Field required"),
        ('name = "datasets"', 'name = "wine"', "name: .*no path of the API"),
        ('title = "Batch"', 'title = "Wine"', "titled 'Batch' already"),
        ("name = ", 'name = "wine"', "cannot be read as TOML"),
    ],
)
def test_wrong_spec_is_named_with_its_file(
    tmp_path: Path, set_environment: Callable[..., None], wrong: str, right: str, sentence: str
) -> None:
    assert right in SPEC
    file = _write(tmp_path, SPEC.replace(right, wrong, 1))
    set_environment(AIR_HOME=str(tmp_path))
    with pytest.raises(SettingsError, match=rf"{re.escape(str(file))}.*{sentence}"):
        specs.check()
    assert specs.names() == ["cifar10", "breast-cancer"]


def test_specs_come_change_and_go_while_a_process_runs(tmp_path: Path, set_environment: Callable[..., None]) -> None:
    set_environment(AIR_HOME=str(tmp_path))
    assert specs.names() == ["cifar10", "breast-cancer"]
    file = _write(tmp_path, SPEC)
    assert specs.get("wine").title == "Wine"
    assert specs.all_specs() is specs.all_specs()
    _replace(file, SPEC.replace('title = "Wine"', 'title = "Wines"'))
    assert specs.get("wine").title == "Wines"
    file.parent.rename(tmp_path / "models" / ".wine")
    assert specs.names() == ["cifar10", "breast-cancer"]


def test_spec_that_breaks_while_a_process_runs_is_left_out_and_logged(
    tmp_path: Path, set_environment: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    set_environment(AIR_HOME=str(tmp_path))
    file = _write(tmp_path, SPEC)
    specs.check()
    for broken in ("name = ", 'name = "wine"\nfamily = "table"\ndata = 1', SPEC.replace("Grignolino", "Barolo")):
        _replace(file, broken)
        assert specs.names() == ["cifar10", "breast-cancer"]
        assert str(file) in caplog.messages[-1]
    _replace(file, SPEC)
    assert specs.names() == ["cifar10", "breast-cancer", "wine"]


def _replace(file: Path, text: str) -> None:
    """As a program writes it: at once."""
    half = file.with_name("half")
    half.write_text(text)
    half.replace(file)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ("size = 300", "data.size: Input should be less than or equal to 256"),
        ("size = 8", "data.size: Input should be greater than or equal to 16"),
        ("flip = 3", "data.flip: Input should be a valid boolean"),
    ],
)
def test_wrong_data_of_pictures_is_named_as_such(
    tmp_path: Path, set_environment: Callable[..., None], wrong: str, sentence: str
) -> None:
    spec = digits.SPEC.format(size=32).replace("size = 32", wrong)
    file = _write(tmp_path, spec)
    set_environment(AIR_HOME=str(tmp_path))
    with pytest.raises(SettingsError, match=rf"{re.escape(str(file))}: {sentence}"):
        specs.check()


def _write(home: Path, spec: str) -> Path:
    file = home / "models" / "wine" / "spec.toml"
    file.parent.mkdir(parents=True)
    file.write_text(spec)
    return file
