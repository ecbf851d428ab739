"""The profile of class folders in an archive: classes counted, odd pictures named; refusals in one sentence."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from models.pictures.decode import encode_png
from training.batch_predict.pictures import ArchiveTooLarge
from training.datasets.profile import pictures
from training.datasets.profile.reports import Profile
from training.runs.errors import DataError

DICE = np.random.default_rng(3)
Files = dict[str, bytes]


def _picture(width: int = 20, height: int = 20) -> bytes:
    return encode_png(DICE.integers(0, 255, (height, width, 3), dtype=np.uint8))


def _classes(*labels: str, each: int = 10, root: str = "") -> Files:
    return {f"{root}{label}/{i}.png": _picture() for label in labels for i in range(each)}


@pytest.fixture
def profiled(tmp_path: Path) -> Callable[[Files], Profile]:
    def profile(files: Files) -> Profile:
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            for name, data in files.items():
                archive.writestr(name, data)
        return pictures.profile(tmp_path / "a.zip")

    return profile


@pytest.mark.parametrize("root", ["", "my pets/", "a\\"])
def test_classes_are_counted(profiled: Callable[[Files], Profile], root: str) -> None:
    files = _classes("cat", root=root) | _classes("dog", each=12, root=root)
    found = profiled(files | {"__MACOSX/cat/._0.png": b"x", f"{root}cat/Thumbs.db": b"x"})
    assert [(one.label, one.pictures) for one in found.classes] == [("cat", 10), ("dog", 12)]
    assert (found.family, found.pictures, found.rows, found.problems) == ("image", 22, None, [])


def test_folder_is_profiled_like_an_archive(tmp_path: Path) -> None:
    for name, data in _classes("cat", "dog").items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    assert [(one.label, one.pictures) for one in pictures.profile(tmp_path).classes] == [("cat", 10), ("dog", 10)]


def test_broken_equal_tiny_and_lost_pictures_are_named(profiled: Callable[[Files], Profile]) -> None:
    files = _classes("cat", "dog")
    files |= {
        "cat/broken.png": files["cat/0.png"][:100],
        "cat/notes.txt": b"hello",
        "dog/same.png": files["cat/3.png"],
        "dog/tiny.png": _picture(15, 40),
        "lost.png": _picture(),
    }
    found = profiled(files)
    assert [(one.label, one.pictures) for one in found.classes] == [("cat", 10), ("dog", 12)]
    assert [problem[:42] for problem in found.problems] == [
        "cat/broken.png: The picture is damaged or ",
        "cat/notes.txt: The data is not a picture o"[:42],
        "dog/same.png shows the same pixels as cat/",
        "dog/tiny.png is tiny: 15×40 pixels.",
        "lost.png is in no class folder; it is not ",
    ]


def test_many_problems_are_counted(profiled: Callable[[Files], Profile]) -> None:
    found = profiled(_classes("cat", "dog") | {f"cat/{i}.txt": b"hello" for i in range(50)})
    assert (len(found.problems), found.problems[-1]) == (21, "There are 30 more of these.")


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({}, "It contains no picture"),
        (_classes("cat"), "It has one class only, 'cat'; a model needs two classes or more."),
        ({"1.png": _picture(), "2.png": _picture()}, "Its pictures are in no folders"),
        (_classes("cat", "dog") | {"cat/young/1.png": _picture()}, "The folder 'cat/young' is inside the folder"),
        (_classes("cat", "dog", root="train/") | _classes("cat", root="test/"), "The folder 'train/cat' is inside"),
        (_classes("cat", "dog", each=9), "The class 'cat' has 9 readable pictures; at least 10 of"),
        (_classes("cat") | {f"dog/{i}.png": b"x" for i in range(10)}, "The class 'dog' has 0 readable pictures"),
        ({f"{i}/{j}.txt": b"x" for i in range(2) for j in range(10)}, "It contains no picture that can be read"),
        ({f"c{i}/0.png": b"x" for i in range(101)}, "It has 101 class folders; at most 100 are supported."),
        (_classes("cat", "Cat"), "Two class folders are called 'cat'"),
        (_classes("cat", "dog") | {"../../etc/1.png": b"x"}, "The archive names a file outside itself"),
        (_classes("cat", "dog") | {"cat/more.zip": b"x"}, "The archive holds another archive, 'cat/more.zip'"),
    ],
)  # fmt: skip
def test_broken_archive_is_refused_in_one_sentence(
    profiled: Callable[[Files], Profile], files: Files, sentence: str
) -> None:
    with pytest.raises(DataError) as error:
        profiled(files)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def test_what_is_no_whole_archive_is_refused(tmp_path: Path, profiled: Callable[[Files], Profile]) -> None:
    profiled(_classes("cat", "dog"))
    whole = (tmp_path / "a.zip").read_bytes()
    for data, sentence in [
        (whole[:-100], "The ZIP archive is cut off"),
        (b"hello", "It is not a ZIP archive; make a ZIP of one folder for each class"),
        (b"Rar!\x1a\x07" + b"x" * 300, "It is a RAR archive"),
    ]:
        (tmp_path / "b.zip").write_bytes(data)
        with pytest.raises(DataError) as error:
            pictures.profile(tmp_path / "b.zip")
        assert sentence in str(error.value)


def test_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("cat/1.png", bytes(300 * 1024**2))
    with pytest.raises(ArchiveTooLarge, match="would unpack to 300 MB"):
        pictures.profile(tmp_path / "a.zip")
