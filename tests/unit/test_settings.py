"""Settings that contradict each other are refused by name."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

import settings
from settings import Settings, SettingsError, get_settings, hand_on_token, private_folder


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


@pytest.mark.parametrize("token", ["x" * 15, " " * 10 + "x" * 10])
def test_short_token_is_refused_and_not_printed(set_environment: Callable[..., None], token: str) -> None:
    set_environment(AIR_ADMIN_TOKEN=token)
    with pytest.raises(
        SettingsError, match="^AIR_ADMIN_TOKEN: it must have at least 16 characters; make one"
    ) as refused:
        get_settings()
    assert "x" * 10 not in str(refused.value)


def test_what_the_app_starts_knows_the_hash_of_the_token_and_not_the_token(
    set_environment: Callable[..., None],
) -> None:
    set_environment(AIR_ADMIN_TOKEN="x" * 16)
    known = get_settings().admin_token_sha256
    hand_on_token(get_settings())
    assert "AIR_ADMIN_TOKEN" not in os.environ
    set_environment()
    assert get_settings().admin_token_sha256 == os.environ["AIR_ADMIN_TOKEN_SHA256"] == known
    hand_on_token(get_settings())
    assert os.environ.pop("AIR_ADMIN_TOKEN_SHA256") == known
