"""An upload from the browser through the page to the API: read late, and only in the page's own folder."""

from __future__ import annotations

import io
import os
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest
from gradio.utils import get_upload_folder

from ui.kit import uploads
from ui.kit.client import ApiError
from ui.your_data import shots


def test_page_reads_nothing_outside_its_own_uploads(tmp_path: Path) -> None:
    precious = tmp_path / "precious.csv"
    precious.write_text("a secret")
    folder = get_upload_folder()
    for path in (str(precious), f"{folder}/{os.path.relpath(precious, folder)}"):
        assert Path(path).resolve() == precious.resolve()
        with pytest.raises(ApiError):
            uploads.read(path)


def test_file_on_its_way_is_read_whole_and_again(tmp_path: Path) -> None:
    path = tmp_path / "large.bin"
    path.write_bytes(bytes(range(256)) * 1000)
    late = uploads.LateFile(path)
    assert late.seek(0, io.SEEK_END) == path.stat().st_size
    for _ in range(2):
        late.seek(0)
        assert b"".join(iter(lambda: late.read(10_000), b"")) == path.read_bytes()


def test_picture_of_two_classes_is_needed_until_both_are_removed() -> None:
    released: list[str] = []
    request = gr.Request(state=SimpleNamespace(release=released.append))
    cup, pot = {"label": "cup", "path": "same.png"}, {"label": "pot", "path": "same.png"}
    other = {"label": "pot", "path": "other.png"}
    shots.release([pot, other], [cup], request)
    assert released == ["other.png"]
    shots.release([cup], [], request)
    assert released == ["other.png", "same.png"]
