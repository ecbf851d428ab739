"""Sources of data: paths of this machine, and s3:// with or without credentials.

AWS_ENDPOINT_URL names an S3 server other than Amazon's.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO, Any

from models.artifact.storage import is_remote, own_s3_server
from training.runs.errors import DataError, innermost

ANONYMOUS = "s3://anonymous@"


def place_of(source: str) -> tuple[Any | None, str]:
    """Arrow's file system for a source, and the path in it; None leaves the choice to Ray Data."""
    if not source.startswith("s3://") or not os.environ.get("AWS_ENDPOINT_URL"):
        return None, source
    anonymous = source.startswith(ANONYMOUS)
    return own_s3_server(anonymous), source.removeprefix(ANONYMOUS if anonymous else "s3://")


def open_stream(source: str) -> IO[bytes]:
    """A file to read from the beginning, local or remote. Raises DataError."""
    if not is_remote(source):
        try:
            return Path(source).open("rb")
        except OSError as error:
            raise DataError(f"{source} cannot be read: {error.strerror}.") from error
    from pyarrow.fs import FileSystem

    filesystem, path = place_of(source)
    try:
        if filesystem is None:
            filesystem, path = FileSystem.from_uri(source)
        return filesystem.open_input_stream(path)
    except Exception as error:
        # Arrow has separate error types for a missing key, a refused login and an unknown scheme.
        raise DataError(f"{source} cannot be read: {innermost(error)}") from error
