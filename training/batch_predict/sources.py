"""The input of a batch prediction as a Ray Data set: the test set, an upload, local files or object storage.

Rows have the features and optionally ``line`` and ``error``; pictures have ``bytes`` (or ``img``,
the struct with bytes of the Hugging Face hub), and optionally ``name`` or ``path``, and ``error``.
"""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from models.artifact.checkpoint import Metadata
from models.artifact.storage import is_remote
from models.specs import ModelSpec
from models.table.contract import takes_gaps
from models.table.features import of_version
from settings import Settings
from training import families
from training.batch_predict import uploads
from training.batch_predict.checking import Check
from training.batch_predict.pictures import check_pictures, is_zip, pictures_of_zip
from training.batch_predict.rows import check_rows
from training.datasets import storage
from training.datasets.csv.given_columns import given_names
from training.runs.config import BatchPredict
from training.runs.errors import DataError, innermost

TEST_SET = "the test set"
BLOCK_ROWS = 1_024
SUFFIXES = ["jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff", "avif"]


@dataclass(frozen=True)
class Source:
    """Data to predict: its name, the data set, the number of rows, and the form in which it is stored.

    ``raw``: pictures are pixels, as in torchvision. ``root``: the folder that is cut from the names of files.
    """

    name: str
    data: Any
    rows: int
    raw: bool = False
    root: str = ""


@contextmanager
def open_source(spec: ModelSpec, config: BatchPredict, metadata: Metadata, settings: Settings) -> Iterator[Source]:
    """The source that a configuration names, for the version of ``metadata``. Raises DataError.

    Temporary files are deleted after the block.
    """
    scratch = settings.air_home / "cache" / f"batch-{uuid.uuid4().hex[:12]}"
    scratch.mkdir(parents=True)
    try:
        if config.upload is not None:
            upload = uploads.Store(settings).read(config.upload)
            if upload.model != spec.name:
                raise DataError(f"Upload {upload.id} is for {upload.model}, not for {spec.name}.")
            yield _parquet(uploads.Store(settings).items(upload.id), ", ".join(upload.names))
        elif config.data is None:
            yield _test_set(*families.part(spec.family, "held_out").test_set(spec, settings, metadata))
        elif spec.family == "table":
            yield _rows(config.data, metadata, scratch / "rows.parquet")
        else:
            yield _pictures(config.data, scratch / "pictures.parquet")
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _test_set(table: pa.Table, raw: bool) -> Source:
    import ray

    # One actor processes a block, and this table would be a single block.
    blocks = [table.slice(start, BLOCK_ROWS) for start in range(0, len(table), BLOCK_ROWS)]
    return Source(TEST_SET, ray.data.from_arrow(blocks), len(table), raw)


def _rows(source: str, metadata: Metadata, scratch: Path) -> Source:
    features = of_version(metadata)
    if source.endswith(".parquet"):
        return _opened(source, lambda: _of_parquet(source, [feature.name for feature in features]))
    with storage.open_stream(source) as given, tempfile.TemporaryFile(dir=scratch.parent) as copy:
        # The file is read twice, which is not possible with a remote one.
        shutil.copyfileobj(given, copy)
        check = check_rows(copy, features, takes_gaps(metadata), scratch)
    _say_what_is_wrong(check)
    return _parquet(scratch, source)


def _pictures(source: str, scratch: Path) -> Source:
    if not is_remote(source) and not Path(source).exists():
        raise DataError(f"There is no file or folder {source}; give pictures with --data.")
    if source.endswith(".parquet"):
        return _opened(source, lambda: _parquet(source, source))
    if Path(source).is_file() and is_zip(Path(source)):
        _say_what_is_wrong(check_pictures(pictures_of_zip(Path(source)), scratch))
        return _parquet(scratch, source)
    return _opened(source, lambda: _files(source))


def _say_what_is_wrong(check: Check) -> None:
    for problem in check.problems:
        print(f"{problem.where}: {problem.column + ': ' if problem.column else ''}{problem.problem}")
    if check.good < check.rows:
        print(f"{check.rows - check.good:,} of {check.rows:,} cannot be read; they become error rows", flush=True)


def _parquet(source: Path | str, name: str, needed: list[str] | None = None) -> Source:
    import ray

    # Other nodes do not have the files that this node wrote.
    filesystem, path = (None, f"local://{source}") if isinstance(source, Path) else storage.place_of(source)
    data = ray.data.read_parquet(path, filesystem=filesystem)
    missing = [column for column in needed or [] if column not in data.schema().names]
    if missing:
        raise DataError(f"{name} lacks the column {missing[0]!r}; it must have all {len(needed or [])} features.")
    return Source(name, data, data.count())


def _of_parquet(path: str, features: list[str]) -> Source:
    """Columns whose names the result uses itself are renamed."""
    source = _parquet(path, path, features)
    names = source.data.schema().names
    changed = {names[i]: name for i, name in given_names(names, features).items() if names[i] != name}
    return replace(source, data=source.data.rename_columns(changed)) if changed else source


def _files(source: str) -> Source:
    import ray

    filesystem, path = storage.place_of(source)
    data = ray.data.read_binary_files(
        path, filesystem=filesystem, include_paths=True, file_extensions=SUFFIXES, partition_filter=None
    )
    root = path.rstrip("/") + "/" if not Path(path).is_file() else ""
    return Source(source, data, len(data.input_files()), root=root)


def _opened(source: str, opening: Callable[[], Source]) -> Source:
    try:
        return opening()
    except DataError:
        raise
    except Exception as error:
        # Arrow, fsspec and Ray each have their own errors for a missing file or a refused login.
        raise DataError(f"{source} cannot be read: {innermost(error)}") from error
