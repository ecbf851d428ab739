"""The profile of a CSV or Parquet file; two columns at a time, because Arrow and NumPy leave Python to others."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from models.specs import Question
from training.datasets import frame as frames
from training.datasets.frame import Frame
from training.datasets.profile import suspicions, targets
from training.datasets.profile.columns import Looked, described, look
from training.datasets.profile.reports import Profile, Target
from training.runs.errors import DataError

FEWEST_ROWS, AT_ONCE = 20, 2
OTHER_TEXTS = {("{", "["): "JSON", ("<",): "HTML or XML"}


def profile(path: Path, name: str = "", chosen: str | None = None, kind: Question | None = None) -> Profile:
    """What is in a table, with the ``chosen`` column as its target, of this ``kind``, or with a proposed target.

    Raises DataError with one sentence for a file that cannot be used at all, and for a column that is no target.
    """
    frame = _usable(frames.read(path, name))
    if chosen is not None:
        frame.cells(chosen)  # refused before the others are looked at
    _ = frame.notation  # of all columns, before the first is read
    with ThreadPoolExecutor(AT_ONCE) as threads:
        looked = list(threads.map(lambda column: look(frame, column), frame.names))
        if all(column.missing.all() for column in looked):
            raise DataError("All cells of the table are empty.")
        columns = list(threads.map(lambda column: described(frame, column), looked))
        problems: list[str] = []
        if chosen is None:
            target, problems = targets.propose(looked)
        else:
            target = _chosen(looked[frame.names.index(chosen)], kind)
        if target is not None:
            answered = looked[frame.names.index(target.column)]
            leaks = threads.map(lambda column: suspicions.leak(column, answered, target), looked)
            for column, sentence in zip(columns, leaks, strict=True):
                column.warnings += [sentence] if sentence else []
            problems += targets.problems_of(answered, target)
    if target is None:
        problems.append("No column looks like a target; choose one.")
    repeated = suspicions.repeated_rows(looked)
    if repeated:
        count, first = repeated
        problems.append(
            f"{count:,} of {frame.rows:,} rows {'is' if count == 1 else 'are'} equal to an earlier one, such as "
            f"{frame.where(first).lower()}."
        )
    return Profile(family="table", rows=frame.rows, pictures=None, columns=columns, target=target, problems=problems)


def chosen_target(path: Path, column: str, kind: Question | None = None, positive: str | None = None) -> Target:
    """The question about a column that a person chose. Raises DataError with one sentence."""
    return _chosen(look(frames.read(path), column), kind, positive)


def _chosen(column: Looked, kind: Question | None = None, positive: str | None = None) -> Target:
    target = targets.target_of(column, kind, positive)
    return target.model_copy(update={"why": f"It was chosen, and {target.why}."})


def _usable(frame: Frame) -> Frame:
    other = next((kind for starts, kind in OTHER_TEXTS.items() if frame.names[0].startswith(starts)), None)
    if other and not frame.is_parquet:
        raise DataError(f"It looks like {other}, not like a table; save the table as CSV (UTF-8) and use that file.")
    if len(frame.names) < 2:
        raise DataError(
            f"The table has one column, {frame.names[0][:80]!r}; it needs a target and at least one more. Columns are "
            "divided by a comma, a semicolon or a tab."
        )
    suspicions.refuse_data_as_header(frame)
    if frame.rows < FEWEST_ROWS:
        raise DataError(f"The table has {frame.rows} rows; at least {FEWEST_ROWS} are needed.")
    return frame
