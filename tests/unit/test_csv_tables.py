"""CSV files of many origins: read correctly, or refused by line and column; nothing is lost or changed."""

from __future__ import annotations

import csv
import gzip
import io
import re
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from models.table.features import Feature
from settings import ROOT
from training.batch_predict import run as batch_predict
from training.batch_predict.checking import Check
from training.batch_predict.rows import check_rows
from training.datasets.csv import sheet as csv_sheet
from training.datasets.csv.given_columns import given_names
from training.runs.errors import DataError

FEATURES = ["a", "b", "c"]


class Table:
    """The check of a file, and the saved rows."""

    def __init__(self, content: bytes | str, folder: Path) -> None:
        data = content.encode() if isinstance(content, str) else content
        self.check: Check = check_rows(
            io.BytesIO(data), [Feature(name=name) for name in FEATURES], False, folder / "kept.parquet"
        )
        self.kept = pq.read_table(folder / "kept.parquet").to_pydict()

    @property
    def numbers(self) -> list[list[float]]:
        return [list(row) for row in zip(*(self.kept[name] for name in FEATURES), strict=True)]

    @property
    def problems(self) -> list[tuple[str, str | None]]:
        return [(problem.where, problem.column) for problem in self.check.problems]


@pytest.mark.parametrize(
    ("content", "numbers"),
    [
        ("a;b;c\n1.001;2,5;3\n", [1001, 2.5, 3]),
        ("a;b;c\n1.001;2.5;3\n", [1.001, 2.5, 3]),
        ("a;b;c\n1.234.567,5;-2.000;+3,25\n", [1234567.5, -2000, 3.25]),
        ('a,b,c\n"1,001",2.5,"1,234,567.5"\n', [1001, 2.5, 1234567.5]),
        ('a,b,c\n"1.001","2,5",3\n', [1001, 2.5, 3]),
        ("a,b,c\n1.001,2.002,3\n", [1.001, 2.002, 3]),
        ("a\tb\tc\n1'234.5\t1’234\t3\n", [1234.5, 1234, 3]),
        ("a;b;c\n1 234,5;1\u00a0234;1\u202f234,25\n", [1234.5, 1234, 1234.25]),
        ("a;b;c\n1\u2009234;0.001;\u22122.5\n", [1234, 0.001, -2.5]),
        ("a;b;c\n1,5e3;1e-05;,5\n", [1500, 1e-5, 0.5]),
        ("a;b;c\n 1.001 ; 2,5 ;3 \n", [1001, 2.5, 3]),
        ("sep=;\na;b;c\n1.001;2,5;3\n", [1001, 2.5, 3]),
    ],
)
def test_notation_of_numbers_is_decided_for_the_file(tmp_path: Path, content: str, numbers: list[float]) -> None:
    table = Table(content, tmp_path)
    assert (table.check.problems, table.numbers) == ([], [numbers])


def test_first_lines_are_read_by_what_later_ones_say(tmp_path: Path) -> None:
    lines = ["1.001;1.002;1.003"] * 5_000
    assert Table("\n".join(["a;b;c", *lines, "1,5;2;3"]), tmp_path).numbers[0] == [1001, 1002, 1003]
    assert Table("\n".join(["a;b;c", *lines, "1.5;2;3"]), tmp_path).numbers[0] == [1.001, 1.002, 1.003]


@pytest.mark.parametrize(
    ("content", "place", "sentence"),
    [
        ("a;b;c\n1;2;3\n4;1.001;6\n", ("line 3", "b"), "'1.001' may be 1001 or 1.001: the other numbers"),
        ("a\tb\tc\n1\t2\t-1,001\n", ("line 2", "c"), "'-1,001' may be -1001 or -1.001: .* Write -1001, or -1,0010"),
        ('a,b,c\n1,2,"1,001"\n', ("line 2", "c"), "'1,001' may be 1001 or 1.001"),
        ("a;b;c\n1,5;2.5;1.001\n", ("line 2", "c"), "'1.001' may be 1001 or 1.001"),
        ("a;b;c\n1;2;1.0010.\n", ("line 2", "c"), "'1.0010.' is not a number"),
        ("a;b;c\n1;2;1_000\n", ("line 2", "c"), "'1_000' is not a number"),
        ("a;b;c\n1;2;12.34.567\n", ("line 2", "c"), "'12.34.567' is not a number"),
        ("a;b;c\n1;2;1'234.567'8\n", ("line 2", "c"), "is not a number"),
        ("a;b;c\n1;2;²\n", ("line 2", "c"), "'²' is not a number"),
        ("a;b;c\n1;2;1e999\n", ("line 2", "c"), "not a finite number"),
    ],
)
def test_number_that_stays_open_is_refused_with_both_readings(
    tmp_path: Path, content: str, place: tuple[str, str], sentence: str
) -> None:
    table = Table(content, tmp_path)
    assert (table.check.good, table.problems) == (table.check.rows - 1, [place])
    assert re.search(sentence, table.check.problems[0].problem)


def test_one_number_written_otherwise_is_refused_and_the_others_are_read(tmp_path: Path) -> None:
    table = Table("\n".join(["a;b;c", *["1,001;2,5;3,5"] * 10, "1,5;2.5;1"]), tmp_path)
    assert (table.check.good, table.problems) == (10, [("line 12", "b")])
    assert table.numbers[0] == [1.001, 2.5, 3.5]
    assert "'2.5' is not a number in this file, which has decimal commas" in table.check.problems[0].problem


HEADER = "a,b,c,note\n"


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ('1,2,3,"ok\n4,5,6,ok\n7,8,9,ok\n', "Line 2, column 'note'"),
        ('1,2,3,ok\n4,5,6,"ok\n7,8,9,ok\n1,2,3,ok"\n4,5,6,ok\n', "Line 3, column 'note'"),
        ('1,2,3,"ok\n4,5,6,"ok"\n7,8,9,ok\n', "Line 2, column 'note'"),
        ('1,2,3,ok\n4,"5,6,ok\n7,8",9,ok\n', "Line 3, column 'b'"),
        ('"1,2,3,ok\n4",5,6,ok\n', "Line 2, column 'a'"),
        ('1,2,3,"a\nb"\n4,5,6,"c\n', "Line 4, column 'note'"),
        ('1,2,"3\n",ok\n4,5,"6,ok\n7,8,9,ok\n', "Line 4, column 'c'"),
        ('1,2,3,"ok"x\n', "Line 2, column 'note'"),
        ('1,2,3,"ok\n' + "4,5,6,ok\n" * 200_000, "Line 2, column 'note'"),
        ('1,2,3,"ok\r4,5,6,ok\r7,8,9,ok\r', "Line 2, column 'note'"),
    ],
)
def test_quote_that_is_not_closed_is_named_and_swallows_no_row(tmp_path: Path, content: str, place: str) -> None:
    with pytest.raises(DataError, match=f"^{place}: a quote opens here"):
        Table(HEADER + content, tmp_path)


def test_quoted_texts_of_several_lines_are_read_and_lines_counted_as_an_editor_does(tmp_path: Path) -> None:
    table = Table(HEADER + '1,2,3,"one, two\nthree ""four"""\n4,x,6,"5"" pipe"\n\n,,,\n7,8,9,5" pipe\n', tmp_path)
    assert table.kept["note"] == ['one, two\nthree "four"', '5" pipe', '5" pipe']
    assert (table.kept["line"], table.problems) == ([2, 4, 7], [("line 4", "b")])


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_texts_of_either_unicode_and_all_ends_of_lines_are_read(tmp_path: Path, newline: str, encoding: str) -> None:
    table = Table(newline.join(["a\tb\tc\tName", "1\t2\t3\tGrün", "4\t5\t6\t日本"]).encode(encoding), tmp_path)
    assert (table.numbers, table.kept["Name"]) == ([[1, 2, 3], [4, 5, 6]], ["Grün", "日本"])


TEXT = b"a,b,c\n1,2,3\n"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("a,b,c,n\n1,2,3,x\n4,5,6,Grün\n".encode("latin-1"), r"Line 3 has the byte FC \('ü' in Windows-1252\)"),
        (gzip.compress(TEXT, mtime=0), "gzip archive; unpack it"),
        (b"BZh91AY", "bzip2"),
        (b"PK\x03\x04" + b"\0" * 22 + b"table.csv", "ZIP archive; unpack it"),
        (b"PK\x03\x04" + b"\0" * 22 + b"xl/workbook.xml", r"Excel workbook \(.xlsx\); save the table as CSV"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, r"Excel workbook \(.xls\)"),
        (b"Rar!\x1a\x07\x01\0", "RAR archive"),
        (b"table.csv".ljust(257, b"\0") + b"ustar\x0000", "TAR archive"),
        (b"PAR1" + b"\0" * 20, "Parquet file"),
        (b"%PDF-1.7", "a PDF"),
    ],
)
def test_file_of_another_kind_is_called_what_it_is(tmp_path: Path, content: bytes, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        Table(content, tmp_path)


@pytest.mark.parametrize("length", [csv_sheet.MAX_CELL + 1, 200_000, 630_000, 3_000_000])
@pytest.mark.parametrize("quote", ["", '"'])
def test_cell_that_is_too_long_is_named(tmp_path: Path, length: int, quote: str) -> None:
    with pytest.raises(DataError, match=r"^Line 3, column '(b|note)': (the cell has more than|a quote opens)"):
        Table(f"{HEADER}1,2,3,x\n4,{quote}{'5' * length}{quote},6,x\n", tmp_path)
    with pytest.raises(DataError, match=r"^Line 2 has more than 1,000,000 characters"):
        Table(f"{HEADER}{',' * 2_000_000}\n", tmp_path)


def test_memory_does_not_depend_on_how_long_a_cell_is(tmp_path: Path) -> None:
    """30 MB of cells of 2,000 characters, of numbers and of texts; an array as wide as the widest took 1 GB."""
    long, text = "7" * 2_000, "ü" * 2_000
    with (tmp_path / "long.csv").open("w") as file:
        file.write("a,b,c,note\n")
        file.writelines(f"1.5,{long},3,{text}\n" for _ in range(5_000))
    script = f"""
import resource
from pathlib import Path
from models.table.features import Feature
from training.batch_predict.rows import check_rows
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with open({str(tmp_path / "long.csv")!r}, "rb") as source:
    check = check_rows(source, [Feature(name=name) for name in "abc"], False, Path({str(tmp_path / "kept.parquet")!r}))
print(check.rows, check.good, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    ended = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    rows, good, megabytes = map(int, ended.stdout.split())
    assert (rows, good) == (5_000, 0)
    assert megabytes < 150


def test_no_column_is_lost_whatever_it_is_called() -> None:
    names = ["label", "given label", "a", "", "given label 2", "column 4", "", "_began", "truth"]
    found = given_names(names, ["a"])
    assert len(set(found.values())) == len(names) - 1
    assert found == {
        0: "given label 3",
        1: "given label",
        3: "column 4 2",
        4: "given label 2",
        5: "column 4",
        6: "column 7",
        7: "given _began",
        8: "given truth",
    }


def test_columns_come_back_and_those_without_a_name_too_unless_they_are_empty(tmp_path: Path) -> None:
    table = Table("label,,a,b,c,given label,,\nx,0,1,2,3,y,,\nz,1,4,5,6,w,,\n", tmp_path)
    assert table.numbers == [[1, 2, 3], [4, 5, 6]]
    further = {name: values for name, values in table.kept.items() if name not in {*FEATURES, "line", "error"}}
    assert further == {"given label 2": ["x", "z"], "column 2": ["0", "1"], "given label": ["y", "w"]}


def test_result_can_be_given_again_and_again_and_keeps_every_value(tmp_path: Path) -> None:
    texts = ["-0.5", "+49 170 1", "@ann", "=1+1", "'=1", "Grün", 'a "b"\nc', "1.001", "007", " x "]
    content = io.StringIO()
    csv.writer(content).writerows([["a", "b", "c", "=note", "label"], *[[1.001, 2.5, 3, text, text] for text in texts]])
    given = content.getvalue().encode()
    columns: list[int] = []
    for _ in range(3):
        table = Table(given, tmp_path)
        assert table.check.good == len(texts)
        assert table.numbers == [[1.001, 2.5, 3]] * len(texts)
        assert table.kept["=note"] == texts
        assert table.kept["given label"] == texts
        answers = {
            "label": ["benign"] * len(texts),
            "probability_malignant": [0.25] * len(texts),
            "out_of_range": ["a"] * len(texts),
            "error": [None] * len(texts),
        }
        columns.append(len(table.kept))
        result = pa.table(
            {"line": table.kept["line"], **answers, **{k: v for k, v in table.kept.items() if k != "error"}}
        )
        batch_predict._write(tmp_path, iter([result]))
        given = (tmp_path / "predictions.csv").read_bytes()
    assert columns == sorted(set(columns)), "each time there are more"
