"""The profile of pictures: a ZIP archive, or a folder, of a folder for each class with its pictures."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath

from models.pictures.decode import READ, ImageError, open_header, pixels
from training.batch_predict.pictures import is_zip, pictures_of_zip, refuse_other_archives
from training.datasets import archives
from training.datasets.profile.reports import ClassCount, Profile
from training.runs.errors import DataError

FEWEST_CLASSES, MOST_CLASSES, PICTURES_OF_A_CLASS = 2, 100, 10
TINY = 16
# Pictures are compared by their size and by this many pixels a side.
COMPARED = 64
LISTED = 20
HOW = "make a ZIP of one folder for each class, with its pictures directly in it"

Named = tuple[str, Callable[[], bytes]]


def profile(path: Path) -> Profile:
    """What is in an archive or a folder. Raises DataError with one sentence for one that cannot be used at all."""
    labels = _labels([name for name, _ in _named(path)])
    counts = dict.fromkeys(sorted({label for label in labels.values() if label}), 0)
    _refuse_classes(list(counts))
    problems: list[str] = []
    first: dict[str, str] = {}
    # A second time: an archive gives its pictures one after the other.
    for name, read in _named(path):
        label = labels[name]
        if label is None:
            problems.append(f"{name} is in no class folder; it is not used.")
            continue
        is_good, problem = _look(name, read, first)
        counts[label] += is_good
        problems += [problem] if problem else []
    if not any(counts.values()):
        raise DataError(f"It contains no picture that can be read; supported are {READ} files. {problems[0]}")
    few = next((label for label, count in counts.items() if count < PICTURES_OF_A_CLASS), None)
    if few is not None:
        raise DataError(
            f"The class {few[:80]!r} has {counts[few]} readable picture{'' if counts[few] == 1 else 's'}; at least "
            f"{PICTURES_OF_A_CLASS} of each class are needed.{_first_of(few, problems)}"
        )
    return Profile(
        family="image",
        rows=None,
        pictures=sum(counts.values()),
        classes=[ClassCount(label=label, pictures=count) for label, count in counts.items()],
        problems=_shortened(problems),
    )


def _named(path: Path) -> Iterable[Named]:
    if path.is_dir():
        return _pictures_of_folder(path)
    if not is_zip(path):
        refuse_other_archives(path)
        raise DataError(f"It is not a ZIP archive; {HOW}.")
    return pictures_of_zip(path)


def _pictures_of_folder(folder: Path) -> list[Named]:
    files = sorted(file for file in folder.rglob("*") if file.is_file() and not archives.is_debris(str(file)))
    return [(str(file.relative_to(folder)), file.read_bytes) for file in files]


def _labels(names: list[str]) -> dict[str, str | None]:
    """The class of each picture, None for one in no folder. Raises DataError for folders in folders."""
    if not names:
        raise DataError(f"It contains no picture; {HOW}.")
    paths = {name: PurePosixPath(name.replace("\\", "/")) for name in names}
    tops = {path.parts[0] for path in paths.values() if len(path.parts) > 1}
    # One folder around all class folders is what most programs make.
    around = len(tops) == 1 and all(len(path.parts) > 2 for path in paths.values() if len(path.parts) > 1)
    labels: dict[str, str | None] = {}
    for name, path in paths.items():
        parts = path.parts[1:] if around and len(path.parts) > 1 else path.parts
        if len(parts) > 2:
            raise DataError(
                f"The folder {str(path.parent)[:80]!r} is inside the folder of a class; put all pictures of a class "
                "directly into its folder."
            )
        labels[name] = parts[0] if len(parts) == 2 else None
    return labels


def _refuse_classes(classes: list[str]) -> None:
    if not classes:
        raise DataError(f"Its pictures are in no folders; {HOW}.")
    if len(classes) < FEWEST_CLASSES:
        raise DataError(f"It has one class only, {classes[0][:80]!r}; a model needs two classes or more.")
    if len(classes) > MOST_CLASSES:
        raise DataError(f"It has {len(classes):,} class folders; at most {MOST_CLASSES} are supported.")
    alike = Counter(label.strip().lower() for label in classes).most_common(1)[0]
    if alike[1] > 1:
        raise DataError(f"Two class folders are called {alike[0][:80]!r}; give each class a name of its own.")


def _look(name: str, read: Callable[[], bytes], first: dict[str, str]) -> tuple[bool, str]:
    """Whether a picture can be used, and what is wrong or odd about it; ``first`` names the pictures seen so far."""
    try:
        image = open_header(read())
        width, height = image.size
        content = pixels(image, COMPARED)
    except (ImageError, DataError) as error:
        return False, f"{name}: {error}"
    digest = hashlib.sha256(b"%d %d " % (width, height) + content.tobytes()).hexdigest()
    same = first.setdefault(digest, name)
    if same != name:
        return True, f"{name} shows the same pixels as {same}."
    if min(width, height) < TINY:
        return True, f"{name} is tiny: {width}×{height} pixels."
    return True, ""


def _first_of(label: str, problems: list[str]) -> str:
    return next((f" {problem}" for problem in problems if f"{label}/" in problem), "")


def _shortened(problems: list[str]) -> list[str]:
    more = len(problems) - LISTED
    return problems if more <= 0 else [*problems[:LISTED], f"There are {more:,} more of these."]
