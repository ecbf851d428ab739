"""The results of a batch prediction, read in parts."""

from __future__ import annotations

from functools import reduce
from operator import and_
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

CSV, PARQUET = "predictions.csv", "predictions.parquet"
Show = Literal["all", "errors", "unsure", "wrong"]


def rows(
    path: Path, offset: int, limit: int, show: Show, label: str | None
) -> tuple[int, list[str], list[dict[str, Any]]]:
    """The number of matching rows, the columns, and ``limit`` rows from ``offset`` on, in order.

    Raises ValueError when the file lacks the column that ``show`` needs.
    """
    data = ds.dataset(path)
    wanted = _filter(data.schema, show, label)
    total = data.count_rows(filter=wanted)
    parts, seen = [], 0
    for batch in data.scanner(filter=wanted, batch_readahead=1, fragment_readahead=1).to_batches():
        begin, end = max(offset - seen, 0), offset + limit - seen
        parts += batch.slice(begin, max(end - begin, 0)).to_pylist() if begin < len(batch) else []
        seen += len(batch)
        if seen >= offset + limit:
            break
    return total, data.schema.names, parts


def _filter(schema: pa.Schema, show: Show, label: str | None) -> pc.Expression | None:
    if "label" not in schema.names and (label is not None or show == "wrong"):
        raise ValueError("this model answers with numbers, not with labels; choose all or errors.")
    conditions = [] if label is None else [ds.field("label") == label]
    if show == "errors":
        conditions.append(ds.field("error").is_valid())
    elif show == "unsure":
        if "unsure" not in schema.names:
            raise ValueError("this model does not mark unsure answers; choose all or errors.")
        conditions.append(ds.field("unsure"))
    elif show == "wrong":
        if "truth" not in schema.names:
            raise ValueError("the truth of these rows is not known; choose all or errors.")
        conditions.append(ds.field("label") != ds.field("truth"))
    return reduce(and_, conditions) if conditions else None
