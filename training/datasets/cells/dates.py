"""Days that people write, as days since 1970-01-01; a time of day is a fraction of a day, as written.

``2024-03-31``, ``2024/03/31``, ``31.03.2024``, ``31/03/2024`` or ``03/31/2024``, each alone or with a time
(``2024-03-31T09:30:00Z``). Whether the day or the month comes first in the last two is decided once a column; a column
that does not decide it is refused with both readings.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

HOW = "write it like 2024-03-31"
_TIME = r"(?:[T ]+(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2}(?:[.,][0-9]{1,9})?))?"
_TIME += r"(?: ?(?:Z|UTC|[+-][0-9]{2}:?[0-9]{2}))?)?"
YEAR_FIRST = rf"^(?P<year>[0-9]{{4}})[-/](?P<second_part>[0-9]{{1,2}})[-/](?P<third>[0-9]{{1,2}}){_TIME}$"
YEAR_LAST = rf"^(?P<first>[0-9]{{1,2}})(?P<sign>[./-])(?P<second_part>[0-9]{{1,2}})[./-](?P<year>[0-9]{{4}}){_TIME}$"
# Other ways to write a day, which are not read, to say so.
MONTHS = "jan|feb|mar|mär|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec|dez"
OTHER_DATE = (
    rf"(?i)^(?:[a-z]{{2,9}},? )?(?:[0-9]{{1,2}}\.?[ -](?:{MONTHS})[a-z]*\.?[ -,]*[0-9]{{2,4}}|"
    rf"(?:{MONTHS})[a-z]*\.? [0-9]{{1,2}},? [0-9]{{4}}|[0-9]{{1,2}}[./][0-9]{{1,2}}[./][0-9]{{2}})$"
)


@dataclass(frozen=True)
class Days:
    """``values`` float64 (n,), NaN for what is no day or not decided; ``open`` bool (n,): may be one of two days."""

    values: np.ndarray
    open: np.ndarray


def days(texts: pa.Array) -> Days:
    """The days of a column's texts."""
    year_first, year_last = _parts(texts, YEAR_FIRST), _parts(texts, YEAR_LAST)
    values = _number(year_first, "year", "second_part", "third")
    first, second = (_whole(year_last.field(name)) for name in ("first", "second_part"))
    points = pc.fill_null(pc.equal(year_last.field("sign"), "."), False).to_numpy(zero_copy_only=False)
    day_first, month_first = (
        _number(year_last, "year", "second_part", "first"),
        _number(year_last, "year", "first", "second_part"),
    )
    # With points the day comes first, everywhere.
    values = np.where(np.isnan(values) & points, day_first, values)
    others = ~points & ~np.isnan(first)
    readable = [others & ~np.isnan(read) for read in (day_first, month_first)]
    differ = readable[0] & readable[1] & (first != second)
    only_day, only_month = (readable[0] & ~readable[1]).any(), (readable[1] & ~readable[0]).any()
    if only_day or only_month:
        values = np.where(others, day_first if only_day else month_first, values)
        undecided = differ if only_day and only_month else np.zeros(len(values), bool)
        if only_day and only_month:
            values = np.where(others & np.isnan(values), month_first, values)
    else:
        values, undecided = np.where(others, day_first, values), differ
    return Days(np.where(undecided, np.nan, values), undecided)


def both(text: str) -> str:
    """Why a day that may be two is refused: ``'03/04/2024' may be 2024-04-03 or 2024-03-04: …``."""
    found = _parts(pa.array([text], pa.large_string()), YEAR_LAST)
    one, other = (_number(found, "year", *order) for order in (("second_part", "first"), ("first", "second_part")))
    return (
        f"{text[:40]!r} may be {written(one[0])} or {written(other[0])}: the other days of the column do not decide "
        f"it. Write {written(one[0])} or {written(other[0])}."
    )


def written(day: float) -> str:
    """``2024-03-31``, with the time where there is one: ``2024-03-31 09:30``."""
    moment = np.datetime64(0, "s") + np.timedelta64(round(day * 86_400), "s")
    text = str(moment).replace("T", " ")
    return text[:10] if text.endswith("00:00:00") else text.removesuffix(":00")


def of_arrow(column: pa.ChunkedArray) -> np.ndarray:
    """float64 (n,) of a column of Arrow's dates or timestamps, NaN for null."""
    if pa.types.is_date(column.type):
        return pc.cast(pc.cast(column, pa.date32()).cast(pa.int32()), pa.float64()).to_numpy()
    micros = pc.cast(pc.cast(column, pa.timestamp("us", column.type.tz), safe=False), pa.int64())
    return pc.divide(pc.cast(micros, pa.float64(), safe=False), 86_400e6).to_numpy()


def _parts(texts: pa.Array, pattern: str) -> pa.StructArray:
    return pc.extract_regex(texts, pattern)


def _whole(texts: pa.Array) -> np.ndarray:
    """float64 (n,) of a part's digits, NaN where there are none."""
    texts = pc.if_else(pc.equal(texts, ""), pa.scalar(None, texts.type), pc.replace_substring(texts, ",", "."))
    return pc.cast(texts, pa.float64()).to_numpy(zero_copy_only=False)


def _number(parts: pa.StructArray, year: str, month: str, day: str) -> np.ndarray:
    """Days since 1970, NaN for what is no day of the calendar."""
    valid = pc.is_valid(parts).to_numpy(zero_copy_only=False)
    years, months, dates = (np.where(valid, _whole(parts.field(name)), 1) for name in (year, month, day))
    valid &= (months >= 1) & (months <= 12) & (dates >= 1) & (years >= 1)
    months, years = np.where(valid, months, 1), np.where(valid, years, 1970)
    start = ((years - 1970) * 12 + months - 1).astype(np.int64).astype("datetime64[M]")
    found = start.astype("datetime64[D]").astype(np.int64) + dates - 1
    valid &= found < (start + 1).astype("datetime64[D]").astype(np.int64)
    hours, minutes, seconds = (np.nan_to_num(_whole(parts.field(name))) for name in ("hour", "minute", "second"))
    valid &= (hours < 24) & (minutes < 60) & (seconds < 60)
    return np.where(valid, found + (hours * 3600 + minutes * 60 + seconds) / 86_400, np.nan)
