"""An upload from the browser through the page to the API: read late, and deleted only in the page's own folder."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from gradio.utils import get_upload_folder

from ui.kit import uploads
from ui.kit.client import ApiError


def test_page_deletes_nothing_outside_its_own_uploads(tmp_path: Path) -> None:
    precious = tmp_path / "precious.csv"
    precious.write_text("kept")
    folder = get_upload_folder()
    for path in (str(precious), f"{folder}/{os.path.relpath(precious, folder)}"):
        assert Path(path).resolve() == precious.resolve()
        with pytest.raises(ApiError):
            uploads.discard([{"path": path}])
    assert precious.read_text() == "kept"


def test_file_on_its_way_is_read_whole_and_again(tmp_path: Path) -> None:
    path = tmp_path / "large.bin"
    path.write_bytes(bytes(range(256)) * 1000)
    late = uploads.LateFile(path)
    assert late.seek(0, io.SEEK_END) == path.stat().st_size
    for _ in range(2):
        late.seek(0)
        assert b"".join(iter(lambda: late.read(10_000), b"")) == path.read_bytes()
