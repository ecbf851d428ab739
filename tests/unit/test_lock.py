"""``requirements.lock``: it matches requirements.txt, lists all dependencies, and has a hash for every file."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from settings import ROOT

LOCK = (ROOT / "requirements.lock").read_text()
LOCKED = dict(re.findall(r"^([\w.-]+)==(\S+)", LOCK, re.MULTILINE))
UV = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]
OF_TORCHS_INDEX = {*UV["pip"]["no-emit-package"], *UV["exclude-dependencies"]}


def _wanted() -> list[Requirement]:
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    return [Requirement(line.partition("#")[0]) for line in lines if line and not line.startswith("#")]


def _needed(package: Requirement) -> list[Requirement]:
    """The dependencies of an installed package on this machine, with the requested extras."""
    all_of_it = [Requirement(line) for line in metadata.requires(package.name) or []]
    extras = [{"extra": extra} for extra in ("", *package.extras)]
    return [one for one in all_of_it if one.marker is None or any(map(one.marker.evaluate, extras))]


def test_lock_has_what_requirements_txt_names_and_what_that_needs() -> None:
    seen, left = set(), _wanted()
    while left:
        package = left.pop()
        name = canonicalize_name(package.name)
        if name not in OF_TORCHS_INDEX:
            assert name in LOCKED, f"{package} is not in requirements.lock; make lock"
            assert package.specifier.contains(LOCKED[name], prereleases=True), f"{package}: {LOCKED[name]}; make lock"
        if (name, *package.extras) not in seen and name not in UV["exclude-dependencies"]:
            seen.add((name, *package.extras))
            left += _needed(package)
    assert len(seen) > 100


def test_every_locked_package_has_hashes_and_none_comes_from_torchs_index() -> None:
    entries = re.split(r"\n(?=\w)", LOCK.partition("\n# The following")[0])
    assert len(entries) == len(LOCKED)
    assert all(re.search(r"--hash=sha256:[0-9a-f]{64}", entry) for entry in entries)
    assert not OF_TORCHS_INDEX & set(LOCKED)


def test_lock_names_no_index() -> None:
    assert "://" not in LOCK
