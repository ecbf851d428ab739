"""Uploads for a batch prediction: good items are kept, wrong ones named, hostile ones refused."""

from __future__ import annotations

import csv
import io
import os
import struct
import zipfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from models.artifact.checkpoint import Metadata
from settings import Settings
from tests.helpers.models import ROWS, SHIPPED_IMAGES, SHIPPED_ROWS
from tests.helpers.samples import pictures
from training.batch_predict.pictures import ArchiveTooLarge
from training.batch_predict.uploads import Store, Upload
from training.datasets import tables as breast_cancer
from training.runs.errors import DataError

FEATURES = breast_cancer.read(ROWS).names
PICTURE = pictures.encoded(pictures.photo(40, 40), "PNG")


def _rows(count: int = 3) -> list[list[str]]:
    matrix = breast_cancer.read(ROWS).rows("test")
    return [[repr(float(value)) for value in row] for row in matrix[:count]]


def _csv(rows: list[list[str]], header: list[str] | None = None, delimiter: str = ",") -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows([FEATURES if header is None else header, *rows])
    return text.getvalue().encode()


def _zip(entries: dict[str, bytes], **options: int) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", **options) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return data.getvalue()


class Uploads:
    """A store of uploads, and its content."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.store = Store(Settings(air_home=home))

    def send(self, metadata: Metadata, **files: bytes) -> Upload:
        folder = self.store.arrive()
        for i, content in enumerate(files.values()):
            (folder / str(i)).write_bytes(content)
        return self.store.accept(metadata, folder, list(files))

    def table(self, upload: Upload) -> dict[str, list]:
        return pq.read_table(self.store.items(upload.id)).to_pydict()


@pytest.fixture
def uploads(tmp_path: Path) -> Uploads:
    return Uploads(tmp_path)


def test_good_rows_are_kept_to_the_last_digit(uploads: Uploads) -> None:
    rows = _rows()
    upload = uploads.send(SHIPPED_ROWS, rows=_csv(rows))
    assert (upload.rows, upload.good, upload.problems) == (3, 3, [])
    table = uploads.table(upload)
    assert table["line"] == [2, 3, 4]
    assert [[repr(table[name][i]) for name in FEATURES] for i in range(3)] == rows


def test_every_wrong_line_is_named_with_its_column_and_the_others_go_on(uploads: Uploads) -> None:
    rows = _rows(6)
    rows[1][0] = "abc"
    rows[2][3] = ""
    rows[3] = rows[3][:12]
    rows[4][29] = "inf"
    upload = uploads.send(SHIPPED_ROWS, rows=_csv(rows))
    assert (upload.rows, upload.good) == (6, 2)
    places = [(problem.where, problem.column) for problem in upload.problems]
    assert places == [
        ("line 3", "mean radius"),
        ("line 4", "mean area"),
        ("line 5", None),
        ("line 6", "worst fractal dimension"),
    ]
    assert "'abc' is not a number" in upload.problems[0].problem
    assert "12 values and the header has 30" in upload.problems[2].problem
    errors = uploads.table(upload)["error"]
    assert [error is None for error in errors] == [True, False, False, False, False, True]


def test_other_orders_columns_and_delimiters_are_read_alike(uploads: Uploads) -> None:
    rows = _rows()
    plain = uploads.table(uploads.send(SHIPPED_ROWS, rows=_csv(rows)))
    turned = [[*row[::-1], "someone", "benign"] for row in rows]
    header = [*FEATURES[::-1], "patient", "label"]
    for content in (
        _csv(turned, header),
        b"\xef\xbb\xbf" + _csv(turned, header, "\t"),
        _csv([[value.replace(".", ",") for value in row] for row in turned], header, ";"),
    ):
        table = uploads.table(uploads.send(SHIPPED_ROWS, rows=content))
        assert {name: table[name] for name in FEATURES} == {name: plain[name] for name in FEATURES}
        assert table["patient"] == ["someone"] * 3
        assert table["given label"] == ["benign"] * 3


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "header"),
        (b"hello\nworld\n", "header"),
        (_csv([], FEATURES), "no rows"),
        (_csv(_rows(), [*FEATURES[:-1], "worst mood"]), "lacks 'worst fractal dimension'"),
        (_csv([[*row, "1"] for row in _rows()], [*FEATURES, "mean radius"]), "'mean radius' more than once"),
        (b"\x00\xff\xfe" * 500, "UTF-8"),
        (b"PK\x03\x04" + b"\0" * 50, "ZIP archive"),
        (_zip({"xl/workbook.xml": b"<x/>"}), "Excel workbook"),
    ],
    ids=["empty", "letter", "no rows", "column missing", "column twice", "binary", "half a zip", "xlsx"],
)
def test_what_is_no_table_of_features_is_refused_in_a_sentence(uploads: Uploads, content: bytes, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        uploads.send(SHIPPED_ROWS, rows=content)
    assert [path for path in (uploads.home / "uploads").rglob("*") if path.is_file()] == []


def test_pictures_of_an_archive_are_kept_as_they_were_and_the_rest_is_named(uploads: Uploads) -> None:
    upload = uploads.send(
        SHIPPED_IMAGES,
        archive=_zip(
            {
                "a/1.png": PICTURE,
                "a/notes.txt": b"a letter",
                "b/2.png": PICTURE[:20],
                "__MACOSX/a/._1.png": b"x",
                ".DS_Store": b"x",
                "b/3.jpg": pictures.encoded(pictures.photo(), "JPEG"),
                "renamed.png": _zip({"1.png": PICTURE}),
            }
        ),
    )
    assert (upload.rows, upload.good) == (5, 2)
    assert [problem.where for problem in upload.problems] == ["a/notes.txt", "b/2.png", "renamed.png"]
    assert "another archive" in upload.problems[2].problem
    assert uploads.table(upload)["bytes"][0] == PICTURE


def test_single_files_may_be_pictures_and_others(uploads: Uploads) -> None:
    upload = uploads.send(SHIPPED_IMAGES, **{"1.png": PICTURE, "=cmd()": b"no", "empty.png": b""})
    assert (upload.rows, upload.good) == (3, 1)
    assert uploads.table(upload)["name"] == ["1.png", "=cmd()", "empty.png"]


def _link() -> bytes:
    entry = zipfile.ZipInfo("link.png")
    entry.external_attr = 0o120777 << 16
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr(entry, "/etc/passwd")
    return data.getvalue()


def _encrypted() -> bytes:
    data = bytearray(_zip({"1.png": PICTURE}))
    for start, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.index(start) + offset
        data[at : at + 2] = struct.pack("<H", 1)
    return bytes(data)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (_zip({"../../evil.png": PICTURE}), "outside itself"),
        (_zip({"/etc/evil.png": PICTURE}), "outside itself"),
        (_zip({"..\\evil.png": PICTURE}), "outside itself"),
        (_zip({"C:\\evil.png": PICTURE}), "outside itself"),
        (_zip({"1.png": PICTURE, "inner.zip": _zip({"1.png": PICTURE})}), "another archive"),
        (_link(), "a link"),
        (_encrypted(), "encrypted"),
        (_zip({"1.png": PICTURE})[:-30], "ZIP archive is cut off"),
        (_zip({}), "no picture"),
        (_zip({"letter.txt": b"hello"}), "no picture"),
    ],
    ids=["..", "absolute", "backslash", "drive", "nested", "link", "encrypted", "cut off", "empty", "letters"],
)
def test_archive_with_tricks_is_refused_in_a_sentence(uploads: Uploads, content: bytes, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        uploads.send(SHIPPED_IMAGES, archive=content)
    assert [path for path in uploads.home.rglob("*") if path.is_file()] == []


def test_bomb_is_refused_by_its_table_of_contents(uploads: Uploads) -> None:
    bomb = _zip({f"{i}.bmp": b"\0" * 50_000_000 for i in range(8)}, compression=zipfile.ZIP_DEFLATED)
    assert len(bomb) < 1_000_000
    with pytest.raises(ArchiveTooLarge, match="would unpack to 381 MB"):
        uploads.send(SHIPPED_IMAGES, archive=bomb)


@pytest.mark.parametrize("name", [".", "", "./", "/."])
def test_entry_without_a_name_does_no_harm(uploads: Uploads, name: str) -> None:
    named = zipfile.ZipInfo("?")
    named.filename = name
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("1.png", PICTURE)
        archive.writestr(named, b"no picture")
    if name.startswith("/"):
        with pytest.raises(DataError, match="outside itself"):
            uploads.send(SHIPPED_IMAGES, archive=data.getvalue())
    else:
        assert uploads.send(SHIPPED_IMAGES, archive=data.getvalue()).good == 1


def _directory(count: int, name: bytes = b"a") -> bytes:
    """An archive with only a table of contents of ``count`` empty entries, which declares a single one."""
    entry = struct.pack("<4s6H3I5H2I", b"PK\x01\x02", 20, 20, *[0] * 4, 0, 0, 0, len(name), *[0] * 4, 0, 0) + name
    return entry * count + struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 1, 1, len(entry) * count, 0, 0)


@pytest.mark.parametrize(
    ("archive", "sentence"),
    [(_directory(400_001), "more than 400,000 entries"), (_directory(1_100, b"a" * 65_000), "too long a table")],
    ids=["many", "long"],
)
def test_too_long_a_table_of_contents_is_refused_before_it_is_taken_apart(
    uploads: Uploads, archive: bytes, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zipfile, "ZipInfo", lambda *_: pytest.fail("it was taken apart"))
    with pytest.raises(ArchiveTooLarge, match=sentence):
        uploads.send(SHIPPED_IMAGES, archive=archive)


def test_bomb_that_lies_about_its_size_is_one_damaged_picture(uploads: Uploads) -> None:
    data = bytearray(_zip({"1.png": PICTURE, "2.bmp": b"\0" * 30_000_000}, compression=zipfile.ZIP_DEFLATED))
    at = data.rindex(b"PK\x01\x02")
    data[at + 24 : at + 28] = struct.pack("<I", 100)
    upload = uploads.send(SHIPPED_IMAGES, archive=bytes(data))
    assert (upload.rows, upload.good) == (2, 1)
    assert upload.problems[0].where == "2.bmp"


def test_upload_is_gone_after_use_and_after_an_hour(uploads: Uploads) -> None:
    kept, used, old = (uploads.send(SHIPPED_IMAGES, **{"1.png": PICTURE}) for _ in range(3))
    uploads.store.delete(used.id)
    folder = uploads.store.items(old.id).parent
    os.utime(folder, (0, 0))
    uploads.store.sweep(in_use=[old.id])
    assert folder.exists()
    uploads.store.sweep(in_use=[])
    assert [path.name for path in (uploads.home / "uploads").iterdir()] == [kept.id]
    with pytest.raises(DataError, match="Send the files again"):
        uploads.store.read(used.id)
    with pytest.raises(DataError, match="no upload"):
        uploads.store.read("../uploads/" + kept.id)
