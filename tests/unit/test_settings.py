"""Settings that contradict each other are refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

import settings
from settings import Settings, private_folder


def test_fewer_replicas_at_most_than_at_least_are_refused() -> None:
    with pytest.raises(ValueError, match="it must be at least AIR_IMAGE_REPLICAS, 3"):
        Settings(air_image_replicas=3, air_image_replicas_max=2)


def test_folders_of_the_app_are_for_their_owner_only(tmp_path: Path) -> None:
    for name in ("new/home", "new"):
        assert private_folder(tmp_path / name).stat().st_mode & 0o777 == 0o700
    (tmp_path / "open").mkdir(mode=0o755)
    assert private_folder(tmp_path / "open").stat().st_mode & 0o777 == 0o700


def test_folder_in_tmp_that_another_user_made_first_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings.os, "getuid", lambda: tmp_path.stat().st_uid + 1)
    monkeypatch.setattr(Path, "is_relative_to", lambda *_: True)
    with pytest.raises(PermissionError, match="it belongs to another user"):
        private_folder(tmp_path)
