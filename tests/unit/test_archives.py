"""Archives of pictures from many programs: read, or refused with their kind and a remedy."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import zipfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from settings import Settings
from tests.helpers.models import SHIPPED_IMAGES
from tests.helpers.samples import pictures
from training.batch_predict.uploads import Store, Upload
from training.datasets import archives
from training.runs.errors import DataError

PICTURE = pictures.encoded(pictures.photo(40, 40), "PNG")


def _zip(*names: bytes, method: int = 0, flags: int = 0) -> bytes:
    """An archive of PICTURE under names in any encoding, with the given compression and encryption flags."""
    data = io.BytesIO()
    plain = [b"n%03d" % i + b"_" * (len(name) - 4) for i, name in enumerate(names)]
    with zipfile.ZipFile(data, "w") as archive:
        for name in plain:
            archive.writestr(name.decode(), PICTURE)
    made = data.getvalue()
    for stand_in, name in zip(plain, names, strict=True):
        made = made.replace(stand_in, name)
    made = bytearray(made)
    for start, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        found = made.find(start)
        while found >= 0:
            struct.pack_into("<2H", made, found + at, flags, method)
            found = made.find(start, found + 4)
    return bytes(made)


def _sent(home: Path, *files: tuple[str, bytes]) -> tuple[Upload, list[str]]:
    """The check of files, and the names of the rows."""
    store = Store(Settings(air_home=home))
    folder = store.arrive()
    for i, (_, content) in enumerate(files):
        (folder / str(i)).write_bytes(content)
    upload = store.accept(SHIPPED_IMAGES, folder, [name for name, _ in files])
    return upload, pq.read_table(store.items(upload.id)).to_pydict()["name"]


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("Grün.png".encode(), "Grün.png"),
        ("日本.png".encode(), "日本.png"),
        ("Gru\u0308n.png".encode(), "Gru\u0308n.png"),
        ("Grün.png".encode("cp437"), "Grün.png"),
        ("Grün.png".encode("cp1252"), "Grün.png"),
        ("Äpfel öß.png".encode("cp850"), "Äpfel öß.png"),
        ("Äpfel öß é.png".encode("cp1252"), "Äpfel öß é.png"),
        (b"2026-11-26T10:30:00.png", "2026-11-26T10:30:00.png"),
        (b"10:30/a.png", "10:30/a.png"),
    ],
)
def test_names_come_out_as_they_were_meant(tmp_path: Path, raw: bytes, name: str) -> None:
    upload, names = _sent(tmp_path, ("a.zip", _zip(raw)))
    assert (names, upload.good) == ([name], 1)


def test_name_that_stands_beside_that_of_a_code_page_is_taken() -> None:
    entry = zipfile.ZipInfo("Gr_n.png")
    name = "Grün.png".encode()
    entry.extra = struct.pack("<2HH2H", 9, 2, 0, 0x7075, 5 + len(name)) + b"\x01\0\0\0\0" + name
    assert archives.name_of(entry) == "Grün.png"


@pytest.mark.parametrize(
    ("method", "flags", "sentence"),
    [
        (9, 0, "compressed with Deflate64, which is not supported; make the archive with Deflate"),
        (93, 0, "compressed with Zstandard"),
        (95, 0, "compressed with XZ"),
        (6, 0, "compressed with Implode"),
        (1234, 0, "compressed with method 1234"),
        (99, 1, "encrypted with AES; make the archive without a password"),
        (8, 1, "encrypted with a password"),
    ],
)
def test_entry_that_is_not_read_is_told_how_it_is_packed(
    tmp_path: Path, method: int, flags: int, sentence: str
) -> None:
    with pytest.raises(DataError, match=sentence):
        _sent(tmp_path, ("a.zip", _zip(b"a.png", method=method, flags=flags)))


def test_what_systems_add_is_no_picture_and_no_error(tmp_path: Path) -> None:
    debris = (b"._a.png", b"d/._a.png", b"__MACOSX/b.png", b"Thumbs.db", b"d/thumbs.db", b"Desktop.ini", b".directory")
    upload, names = _sent(tmp_path, ("a.zip", _zip(b"a.png", b".DS_Store", b"d\\DESKTOP.INI", *debris)))
    assert (names, upload.rows, upload.problems) == (["a.png"], 1, [])
    upload, names = _sent(tmp_path, ("a.png", PICTURE), ("._a.png", b"x"), ("Thumbs.db", b"x"))
    assert (names, upload.rows, upload.problems) == (["a.png"], 1, [])


def _tar() -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        entry = tarfile.TarInfo("a.png")
        entry.size = len(PICTURE)
        archive.addfile(entry, io.BytesIO(PICTURE))
    return data.getvalue()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (_zip(b"a.png")[:-30], "The ZIP archive is cut off"),
        (_zip(b"a.png")[:100], "The ZIP archive is cut off"),
        (b"Rar!\x1a\x07\x01\0" + b"x" * 99, "a RAR archive, but only ZIP"),
        (_tar(), "a TAR archive"),
        (_tar()[:700], "a TAR archive"),
        (b"7z\xbc\xaf\x27\x1c" + b"x" * 99, "a 7z archive"),
        (gzip.compress(b"a,b\n1,2\n", mtime=0)[:-4], "a gzip archive"),
        (b"\x28\xb5\x2f\xfd" + b"x" * 99, "a Zstandard archive"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"x" * 99, "an old document of Microsoft Office"),
    ],
    ids=["cut zip", "start of a zip", "rar", "tar", "cut tar", "7z", "gzip", "zstd", "xls"],
)
def test_other_archive_is_called_by_its_name(tmp_path: Path, content: bytes, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        _sent(tmp_path, ("a", content))


def test_long_name_says_that_it_is_cut_and_keeps_its_end(tmp_path: Path) -> None:
    _, names = _sent(tmp_path, ("a.zip", _zip(b"d" * 300 + b"/last.png")))
    assert (len(names[0]), names[0][:3], "…" in names[0], names[0][-9:]) == (200, "ddd", True, "/last.png")
    upload, _ = _sent(tmp_path, ("n" * 300 + ".png", PICTURE))
    assert (len(upload.names[0]), upload.names[0][-5:], "…" in upload.names[0]) == (200, "n.png", True)


def test_picture_without_a_name_is_read(tmp_path: Path) -> None:
    upload, names = _sent(tmp_path, ("a.zip", _zip(b"a.png").replace(b"a.png", b"./..."[:5])))
    assert (upload.good, names) == (1, ["entry 1, which has no name"])


def test_entry_of_no_name_and_no_bytes_is_a_folder(tmp_path: Path) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr(".", b"")
        archive.writestr("a.png", PICTURE)
    upload, names = _sent(tmp_path, ("a.zip", data.getvalue()))
    assert (names, upload.problems) == (["a.png"], [])
