"""Versions and aliases: moving the champion, and the message about an unknown version."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from models.registry import Registry, UnknownVersion
from settings import ROOT, Settings


def test_moving_the_champion_keeps_the_one_before_as_previous(new_home: Callable[[str], Path]) -> None:
    home = new_home("home")
    registry = Registry(Settings(air_home=home))
    shipped = ROOT / "models" / "pretrained" / "breast-cancer"
    registry.register(str(shutil.copytree(shipped, home / "checkpoints" / "breast-cancer" / "two")))
    assert registry.resolve("breast-cancer", "challenger").version == "2"

    assert registry.set_champion("breast-cancer", "2").version == "2"
    assert {item.version: item.aliases for item in registry.versions("breast-cancer")} == {
        "2": ["champion"],
        "1": ["previous"],
    }
    registry.set_champion("breast-cancer", "2")
    assert registry.resolve("breast-cancer", "previous").version == "1"
    with pytest.raises(UnknownVersion, match="no challenger at the moment"):
        registry.resolve("breast-cancer", "challenger")

    registry.set_champion("breast-cancer", "previous")
    assert Registry(Settings(air_home=home)).resolve("breast-cancer").version == "1"


def test_unknown_version_names_those_that_there_are(new_home: Callable[[str], Path]) -> None:
    registry = Registry(Settings(air_home=new_home("home")))
    with pytest.raises(UnknownVersion, match="no version '7'; there are: 1"):
        registry.resolve("cifar10", "7")
