"""Class folders: how they are laid out and split, and what is said about single pictures."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.helpers.samples import pictures
from training.datasets import class_folders
from training.datasets.class_folders import TEST, TRAIN, VALIDATION
from training.runs.errors import DataError

SIZE = 32


def _write(root: Path, classes: dict[str, int], seed: int = 0) -> Path:
    """Class folders with so many different pictures each."""
    for number, (name, count) in enumerate(classes.items()):
        (root / name).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            pictures.photo(40, 30, seed=seed + 1000 * number + i).save(root / name / f"{i:02}.png")
    return root


def _read(root: Path) -> class_folders.Folders:
    return class_folders.read(root, SIZE)


def test_split_is_60_20_20_of_each_class_by_content(tmp_path: Path) -> None:
    found = _read(_write(tmp_path / "a", {"cat": 20, "dog": 10}))
    assert found.classes == ["cat", "dog"]
    assert [
        [int(((found.labels == i) & (found.split == s)).sum()) for s in (TRAIN, VALIDATION, TEST)] for i in (0, 1)
    ] == [
        [12, 4, 4],
        [6, 2, 2],
    ]
    for file in (tmp_path / "a" / "cat").iterdir():
        file.rename(file.with_name(f"x{99 - int(file.stem)}.png"))
    renamed = _read(tmp_path / "a")
    assert dict(zip(found.stored, found.split, strict=True)) == dict(zip(renamed.stored, renamed.split, strict=True))


def test_given_split_stays_and_a_tenth_of_training_validates(tmp_path: Path) -> None:
    _write(tmp_path / "train", {"cat": 20, "dog": 20})
    _write(tmp_path / "test", {"cat": 5, "dog": 5}, seed=500)
    found = _read(tmp_path)
    assert [int((found.split == s).sum()) for s in (TRAIN, VALIDATION, TEST)] == [36, 4, 10]
    assert all(
        (split == TEST) == name.startswith("test/") for name, split in zip(found.names, found.split, strict=True)
    )


def test_equal_pictures_are_in_one_split_whatever_their_files(tmp_path: Path) -> None:
    _write(tmp_path, {"cat": 10, "dog": 10})
    for i in range(10):
        with Image.open(tmp_path / "cat" / f"{i:02}.png") as image:
            image.save(tmp_path / "cat" / f"copy {i}.bmp")
    found = _read(tmp_path)
    split = dict(zip(found.names, found.split, strict=True))
    assert len(split) == 30
    assert all(split[f"cat/{i:02}.png"] == split[f"cat/copy {i}.bmp"] for i in range(10))
    assert found.noted.copies == {f"cat/copy {i}.bmp": f"cat/{i:02}.png" for i in range(10)}
    assert [int((found.split[found.labels == 0] == s).sum()) for s in (TRAIN, VALIDATION, TEST)] == [12, 4, 4]


def test_picture_in_two_classes_or_among_training_and_test_pictures_is_left_out(tmp_path: Path) -> None:
    _write(tmp_path / "both", {"cat": 12, "dog": 12})
    shutil.copy(tmp_path / "both/cat/03.png", tmp_path / "both/dog/zz.png")
    why = "the same picture is in cat and in dog"
    assert _read(tmp_path / "both").noted.left_out == {"cat/03.png": why, "dog/zz.png": why}
    _write(tmp_path / "given/train", {"cat": 12, "dog": 12})
    _write(tmp_path / "given/test", {"cat": 3, "dog": 3}, seed=500)
    shutil.copy(tmp_path / "given/test/dog/01.png", tmp_path / "given/train/dog/again.png")
    found = _read(tmp_path / "given")
    assert found.noted.left_out == {"train/dog/again.png": "it equals the test picture test/dog/01.png"}
    assert int((found.split == TEST).sum()) == 6


def test_picture_that_cannot_be_read_is_left_out_and_named(tmp_path: Path) -> None:
    _write(tmp_path, {"cat": 12, "dog": 12})
    (tmp_path / "cat" / "cut.png").write_bytes(pictures.refused()["cut png"])
    (tmp_path / "cat" / "dot.png").write_bytes(pictures.encoded(pictures.photo(2, 50), "PNG"))
    (tmp_path / "cat" / "notes.txt").write_text("a letter")
    (tmp_path / "cat" / ".DS_Store").write_bytes(b"debris")
    (tmp_path / "beside.png").write_bytes(pictures.striped())
    pictures.photo(9, 9).save(tmp_path / "dog" / "small.png")
    noted = _read(tmp_path).noted
    assert noted.left_out == {
        "beside.png": "it is in no class folder",
        "cat/cut.png": "The picture is damaged or cut off and cannot be decoded; send the whole file.",
        "cat/dot.png": "it has only 2×50 pixels",
        "cat/notes.txt": "it is no picture",
    }
    assert noted.small == 1
    assert noted.recorded()["left_out_count"] == 4
    said = noted.sentences(SIZE)
    assert "Left out: cat/dot.png: it has only 2×50 pixels" in said
    assert said[-1] == "Pictures of fewer than 16 pixels on a side, which are enlarged: 1"


def _zip(root: Path, top: str = "") -> Path:
    with zipfile.ZipFile(root.with_suffix(".zip"), "w") as made:
        for file in root.rglob("*.*"):
            made.write(file, f"{top}{file.relative_to(root)}")
        made.writestr("__MACOSX/cat/._00.png", b"debris")
    return root.with_suffix(".zip")


@pytest.mark.parametrize("top", ["", "my pictures/"])
def test_zip_of_class_folders_is_read_as_they_are(tmp_path: Path, top: str) -> None:
    folder = _write(tmp_path / "pictures", {"cat": 11, "dog": 11})
    (folder / "cat" / "cut.png").write_bytes(pictures.refused()["cut png"])
    one, two = _read(folder), _read(_zip(folder, top))
    assert (one.classes, one.stored, one.names.tolist()) == (two.classes, two.stored, two.names.tolist())
    assert np.array_equal(one.split, two.split)
    assert one.noted == two.noted


def test_what_was_found_about_pictures_is_kept_by_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, kept = _write(tmp_path / "pictures", {"cat": 10, "dog": 10}), tmp_path / "kept.json"
    first = class_folders.read(folder, SIZE, kept)
    monkeypatch.setattr(class_folders, "_looked_at", None)
    again = class_folders.read(folder, SIZE, kept)
    assert np.array_equal(first.split, again.split)
    monkeypatch.undo()
    kept.write_text('{"size": 32, "pictures": {"x": {"wrong": 1}}}')
    assert class_folders.read(folder, SIZE, kept).names.tolist() == first.names.tolist()


def _nested(root: Path) -> None:
    _write(root, {"cat": 10, "dog": 10})
    _write(root / "cat", {"more": 10})


@pytest.mark.parametrize(
    ("prepare", "sentence"),
    [
        (lambda root: _write(root, {"cat": 20}), "pictures has only the class cat; 2 to 100 folders of pictures"),
        (lambda root: _write(root, {"cat": 20, "dog": 9}), "the class dog has 9 different pictures"),
        (lambda root: _write(root, {f"c{i}": 1 for i in range(101)}), "pictures has 101 classes"),
        (_nested, "pictures/cat/more is a folder inside a class; put its pictures right into cat"),
        (lambda root: (root / "cat").mkdir(parents=True), "pictures/cat has no images"),
        (
            lambda root: (_write(root, {"cat": 10}), (root / "dog").mkdir(), (root / "dog/a.txt").touch()),
            "dog has no images",
        ),
        (lambda root: (root.mkdir(), pictures.photo().save(root / "a.png")), "pictures has no folders of pictures"),
    ],
    ids=["one class", "too few", "too many classes", "nested", "empty", "no pictures", "no folders"],
)
def test_unusable_folder_is_refused_in_one_sentence(tmp_path: Path, prepare: Callable, sentence: str) -> None:
    prepare(tmp_path / "pictures")
    with pytest.raises(DataError, match=sentence):
        _read(tmp_path / "pictures")


def test_stamp_changes_with_the_pictures(tmp_path: Path) -> None:
    before = class_folders.stamp(_write(tmp_path / "p", {"cat": 1, "dog": 1}))
    pictures.photo().save(tmp_path / "p" / "dog" / "new.png")
    assert class_folders.stamp(tmp_path / "p") != before == before
    assert class_folders.stamp(tmp_path / "absent") == ()
