"""Pictures in class folders, or in a ZIP archive of them: read, checked one by one, split by content.

    pictures/<class>/*.png                           the split is made by content: 60/20/20 of each class
    pictures/train/<class>/… and test/<class>/…      the split is given; of training, a tenth of each class validates

A picture that cannot be read, or has almost no pixels, is left out and named, and so is one that is in two classes.
Equal pictures of a class, whatever their files, are in one split.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from models.pictures.decode import FORMATS, ImageError, open_header, pixels
from training.batch_predict.pictures import pictures_of_zip
from training.datasets import archives
from training.runs.errors import DataError
from training.runs.records import write_whole

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif"}
FEWEST_CLASSES, MOST_CLASSES = 2, 100
FEWEST_PICTURES = 10
SMALLEST_SIDE = 4
TRAIN, VALIDATION, TEST = 0, 1, 2
BY_CONTENT = "-"
VALIDATION_SHARE, TEST_SHARE = 0.2, 0.2
VALIDATION_OF_GIVEN = 0.1
THREADS = 2
MOST_NAMED = 100
# Bytes, or why there are none.
Content = bytes | str
Files = list[tuple[PurePosixPath, Callable[[], Content]]]


@dataclass(frozen=True)
class Noted:
    """What training says about pictures: why some are left out, which are copies of which, how many are small."""

    left_out: dict[str, str] = field(default_factory=dict)
    copies: dict[str, str] = field(default_factory=dict)
    small: int = 0

    def sentences(self, size: int) -> list[str]:
        """One line each for the log; of many only the first are named."""
        lines = [f"Left out: {name}: {why}" for name, why in _first(self.left_out)]
        if len(self.left_out) > len(lines):
            lines.append(f"Left out: {len(self.left_out) - len(lines):,} more")
        if self.copies:
            named = "; ".join(f"{name} equals {first}" for name, first in _first(self.copies, 3))
            more = ", …" if len(self.copies) > 3 else ""
            lines.append(
                f"Copies of other pictures, each in the same split as the first: {len(self.copies):,} ({named}{more})"
            )
        if self.small:
            lines.append(f"Pictures of fewer than {size // 2} pixels on a side, which are enlarged: {self.small:,}")
        return lines

    def recorded(self) -> dict[str, Any]:
        """What a version's metadata keep; nothing where there is nothing to say."""
        named = {"left_out": dict(_first(self.left_out, MOST_NAMED)), "copies": dict(_first(self.copies, MOST_NAMED))}
        counts = {"left_out_count": len(self.left_out), "copies_count": len(self.copies), "small": self.small}
        return {key: value for key, value in (named | counts).items() if value}


@dataclass(frozen=True)
class Folders:
    """The pictures that can be read: stored bytes, class, name and split (TRAIN, VALIDATION, TEST) of each."""

    classes: list[str]
    stored: list[bytes]
    labels: np.ndarray
    names: np.ndarray
    split: np.ndarray
    noted: Noted


@dataclass(frozen=True)
class _Checked:
    """What one file turned out to be: a key that equal pictures share, its shorter side, or what is wrong."""

    key: str = ""
    side: int = 0
    problem: str = ""


def read(source: Path, size: int, kept: Path | None = None) -> Folders:
    """The pictures of a folder or a ZIP archive, for a model of ``size``. Raises DataError with one sentence.

    Decoding takes most of the time; what came of it is kept in the file ``kept``, by content.
    """
    files, strange = _laid_out(_files_of_zip(source) if source.is_file() else _files_of_folder(source), source.name)
    classes = sorted({path.parts[1] for path, _ in files})
    if not FEWEST_CLASSES <= len(classes) <= MOST_CLASSES:
        found = f"only the class {classes[0]}" if len(classes) == 1 else f"{len(classes)} classes"
        raise DataError(
            f"{source.name} has {found}; {FEWEST_CLASSES} to {MOST_CLASSES} folders of pictures are needed."
        )
    stored = [data() for _, data in files]
    names = [_shown(path) for path, _ in files]
    labels = np.array([classes.index(path.parts[1]) for path, _ in files], dtype=np.int64)
    given = [path.parts[0] for path, _ in files]
    digests = [hashlib.sha256(data).hexdigest() if isinstance(data, bytes) else data for data in stored]
    checked = _check(dict(zip(digests, stored, strict=True)), size, kept)
    found = [checked[digest] for digest in digests]
    left_out = strange | {name: one.problem for name, one in zip(names, found, strict=True) if one.problem}
    groups: dict[str, list[int]] = defaultdict(list)
    for i, one in enumerate(found):
        if not one.problem:
            groups[one.key].append(i)
    copies: dict[str, str] = {}
    ranks: dict[int, str] = {}
    for members in groups.values():
        stays = _agreeing(members, names, labels, given, classes, left_out)
        copies |= {names[i]: names[stays[0]] for i in stays[1:]}
        ranks |= dict.fromkeys(stays, min(digests[i] for i in members))
    index = np.array(sorted(ranks), dtype=np.int64)
    rank = np.array([ranks[i] for i in index.tolist()])
    _refuse_too_few(rank, labels[index], classes, source.name)
    return Folders(
        classes,
        [stored[i] for i in index],
        labels[index],
        np.array(names, dtype=object)[index],
        _split(rank, labels[index], np.array(given)[index]),
        Noted(left_out, copies, sum(2 * found[i].side < size for i in index)),
    )


def stamp(source: Path) -> tuple[int, ...]:
    """What changes with the files of a folder or an archive: when it, and the folders in it, were changed last."""
    if not source.is_dir():
        return (source.stat().st_mtime_ns,) if source.exists() else ()
    inside = [path for path in source.iterdir() if path.is_dir()]
    inside += [path for split in inside if split.name in ("train", "test") for path in split.iterdir() if path.is_dir()]
    return tuple(path.stat().st_mtime_ns for path in sorted([source, *inside]))


def _agreeing(
    members: list[int],
    names: list[str],
    labels: np.ndarray,
    given: list[str],
    classes: list[str],
    left_out: dict[str, str],
) -> list[int]:
    """Of equal pictures those that stay; adds the others to ``left_out``: nobody can learn two classes from one."""
    theirs = sorted({int(labels[i]) for i in members})
    if len(theirs) > 1:
        both = " and in ".join(classes[label] for label in theirs[:2])
        left_out |= {names[i]: f"the same picture is in {both}" for i in members}
        return []
    stays = [i for i in members if given[i] == "test"] or members
    left_out |= {names[i]: f"it equals the test picture {names[stays[0]]}" for i in members if i not in stays}
    return stays


def _split(rank: np.ndarray, labels: np.ndarray, given: np.ndarray) -> np.ndarray:
    """The split of each picture: the given one, or by the ``rank``, which equal pictures share."""
    split = np.where(given == "test", TEST, TRAIN)
    if not (given == BY_CONTENT).all():
        split[_smallest(rank, labels, split == TRAIN, VALIDATION_OF_GIVEN)] = VALIDATION
        return split
    everything = np.ones(len(rank), dtype=bool)
    held_out = _smallest(rank, labels, everything, VALIDATION_SHARE + TEST_SHARE)
    split[held_out] = VALIDATION
    split[_smallest(rank, labels, held_out, TEST_SHARE / (VALIDATION_SHARE + TEST_SHARE))] = TEST
    return split


def _smallest(rank: np.ndarray, labels: np.ndarray, among: np.ndarray, share: float) -> np.ndarray:
    """Of the pictures ``among`` which we choose, in each class the ``share`` with the smallest ranks: a mask."""
    mask = np.zeros(len(rank), dtype=bool)
    for label in np.unique(labels):
        mine = among & (labels == label)
        different = np.unique(rank[mine])
        mask |= mine & np.isin(rank, different[: max(1, round(share * len(different)))])
    return mask


def _refuse_too_few(rank: np.ndarray, labels: np.ndarray, classes: list[str], source: str) -> None:
    for label, name in enumerate(classes):
        count = len(np.unique(rank[labels == label]))
        if count < FEWEST_PICTURES:
            raise DataError(
                f"{source}: the class {name} has {count or 'no'} different pictures that can be read; "
                f"{FEWEST_PICTURES} are needed."
            )


def _files_of_zip(source: Path) -> Files:
    """The files of an archive in the order of their names. Raises DataError for one that is damaged or does harm."""
    files: Files = []
    for name, data in pictures_of_zip(source):
        path = PurePosixPath(name.replace("\\", "/"))
        if not any(part.startswith(".") for part in path.parts):
            content = _content(data)
            files.append((path, lambda content=content: content))
    return sorted(files, key=lambda file: file[0])


def _content(data: Callable[[], bytes]) -> Content:
    """The bytes of an archive's entry, or why it cannot be read."""
    try:
        return data()
    except DataError as error:
        return str(error)


def _files_of_folder(source: Path) -> Files:
    """The files of a folder in the order of their names. Raises DataError for a class folder without any."""
    files: Files = []
    for place, folders, names in os.walk(source, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__MACOSX")))
        here = PurePosixPath(Path(place).relative_to(source))
        if len(here.parts) > 4:
            raise DataError(f"{source.name}/{here} lies too deep; put the pictures into one folder for each class.")
        visible = sorted(name for name in names if not name.startswith(".") and not archives.is_debris(name))
        if not visible and not folders and here.parts:
            kinds = ", ".join(FORMATS)
            raise DataError(f"{source.name}/{here} has no images ({kinds}); remove the folder or fill it.")
        files += [(here / name, Path(place, name).read_bytes) for name in visible]
    return files


def _laid_out(files: Files, source: str) -> tuple[Files, dict[str, str]]:
    """Pictures as split (train, test or BY_CONTENT) / class / name, and why other files beside them are left out."""
    # A folder or an archive often has one folder in it, with everything.
    while len({path.parts[0] for path, _ in files}) == 1 and all(len(path.parts) > 2 for path, _ in files):
        files = [(path.relative_to(path.parts[0]), data) for path, data in files]
    inside = [(path, data) for path, data in files if len(path.parts) > 1]
    if not inside:
        raise DataError(f"{source} has no folders of pictures; it needs one folder for each class.")
    tops = {path.parts[0] for path, _ in inside}
    is_split = {"train", "test"} <= tops and all(len(path.parts) > 2 for path, _ in inside)
    if is_split and len(tops) > 2:
        raise DataError(f"{source} has {' and '.join(sorted(tops))}; beside train and test there can be no folder.")
    if not is_split:
        inside = [(PurePosixPath(BY_CONTENT) / path, data) for path, data in inside]
    for path, _ in inside:
        if len(path.parts) > 3:
            where = PurePosixPath(*path.parts[0 if is_split else 1 : -1])
            raise DataError(
                f"{source}/{where} is a folder inside a class; put its pictures right into {where.parent.name}."
            )
    pictures = [(path, data) for path, data in inside if path.suffix.lower() in SUFFIXES]
    strange = {_shown(path): "it is no picture" for path, _ in inside if path.suffix.lower() not in SUFFIXES}
    strange |= {
        str(path): "it is in no class folder"
        for path, _ in files
        if len(path.parts) == 1 and path.suffix.lower() in SUFFIXES
    }
    without = {path.parts[:2] for path, _ in inside} - {path.parts[:2] for path, _ in pictures}
    if without:
        kinds = ", ".join(FORMATS)
        raise DataError(f"{source}/{sorted(without)[0][1]} has no images ({kinds}); remove the folder or fill it.")
    return pictures, strange


def _shown(path: PurePosixPath) -> str:
    return str(PurePosixPath(*path.parts[1:]) if path.parts[0] == BY_CONTENT else path)


def _check(stored: dict[str, Content], size: int, kept: Path | None) -> dict[str, _Checked]:
    """What each file is, by its digest."""
    known = _known(kept, size)
    new = {digest: data for digest, data in stored.items() if digest not in known}
    with ThreadPoolExecutor(THREADS) as threads:
        known |= dict(zip(new, threads.map(lambda data: _looked_at(data, size), new.values()), strict=True))
    if kept is not None and new:
        content = {digest: vars(known[digest]) for digest in stored}
        # Where nothing can be written, the next call looks again.
        with suppress(OSError):
            kept.parent.mkdir(parents=True, exist_ok=True)
            write_whole(kept, json.dumps({"size": size, "pictures": content}))
    return known


def _known(kept: Path | None, size: int) -> dict[str, _Checked]:
    if kept is None:
        return {}
    try:
        content = json.loads(kept.read_bytes())
        return {d: _Checked(**one) for d, one in content["pictures"].items()} if content["size"] == size else {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _looked_at(data: Content, size: int) -> _Checked:
    if isinstance(data, str):
        return _Checked(problem=data)
    try:
        opened = open_header(data)
        width, height = opened.size
        if min(width, height) < SMALLEST_SIDE:
            opened.close()
            return _Checked(problem=f"it has only {width}×{height} pixels")
        decoded = pixels(opened, size)
    except ImageError as error:
        return _Checked(problem=str(error))
    return _Checked(hashlib.sha256(decoded.tobytes()).hexdigest()[:32], min(width, height))


def _first(given: dict[str, str], count: int = 20) -> list[tuple[str, str]]:
    return list(given.items())[:count]
