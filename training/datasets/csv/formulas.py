"""Texts that a spreadsheet would run as a formula: mark them in predictions.csv, and remove the marks again.

A text that begins with ``=``, a tab or a line break gets an apostrophe in front, and so does one that begins with
``+``, ``-`` or ``@`` (or a wide form of them, as in Japanese text). Unchanged are numbers and similar texts
(``-0.5``, ``+49 170 1``, ``-``) and plain names (``@ann``), with which a spreadsheet can neither call a function nor
open an address. A text that already looks marked gets another apostrophe, so that removing one always restores the
original. OWASP, "CSV Injection".
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

NUMBER = r"[+-][0-9 .,()/'’\x{a0}\x{2009}\x{202f}-]*(?:[eE][+-]?[0-9]+)?%?"
HANDLE = r"@[0-9A-Za-z_.-]*"
HARMLESS = rf"^(?:{NUMBER}|{HANDLE})$"
FORMULA = r"^'*[=+@＝＋＠－\t\r\n-]"
MARKED = re.compile(r"'+[=+@＝＋＠－\t\r\n-]")
TEXT = pa.large_string()
# Columns that only a result of ours has, all of them and an answer.
OF_A_RESULT = {"out_of_range", "error"}


def mark(texts: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """The texts with an apostrophe before those that a spreadsheet would run."""
    texts = texts.cast(TEXT)
    runs = pc.and_not(pc.match_substring_regex(texts, FORMULA), pc.match_substring_regex(texts, HARMLESS))
    apostrophe, nothing = pa.scalar("'", TEXT), pa.scalar("", TEXT)
    return pc.if_else(runs, pc.binary_join_element_wise(apostrophe, texts, nothing), texts)


def unmark(texts: Sequence[str]) -> list[str]:
    """The original texts of ``mark``."""
    return [text[1:] if MARKED.match(text) else text for text in texts]


def is_result(names: Sequence[str]) -> bool:
    """Whether a header is that of a predictions.csv of a table."""
    answered = "value" in names or ("label" in names and any(name.startswith("probability") for name in names))
    return set(names) >= OF_A_RESULT and answered
