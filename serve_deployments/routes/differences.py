"""Where two versions answer the validation set differently, with the pictures or rows themselves."""

from __future__ import annotations

import asyncio
from itertools import chain, zip_longest

import numpy as np
from fastapi import APIRouter, Path, Query

from models import specs
from models.artifact import storage
from models.artifact.checkpoint import CheckpointError
from models.registry import RegisteredVersion
from serve_deployments.http.errors import Conflict
from serve_deployments.parts.services import Aside, CurrentSettings, InAside, InTurn, Registry
from serve_deployments.predict.calculations import Calculations
from serve_deployments.routes.models import resolve
from serve_deployments.schemas.base import ErrorReply
from serve_deployments.schemas.models import Answer, Difference, Differences
from serve_deployments.versions import replicas
from settings import Settings
from training.results import held_out
from training.results.held_out import HeldOut
from training.runs.errors import DataError

MAX_EXAMPLES = 60
ERRORS = {status: {"model": ErrorReply} for status in (409, 503)}

router = APIRouter(prefix="/models")


@router.get("/{name}/versions/{version}/differences", responses=ERRORS)
async def differences(
    registry: Registry,
    settings: CurrentSettings,
    aside: InAside,
    calculations: InTurn,
    name: str = Path(description="a model"),
    version: str = Path(max_length=64),
    against: str = Query("champion", max_length=64, description="a version or an alias"),
    n: int = Query(24, ge=1, le=MAX_EXAMPLES, description="examples to show"),
) -> Differences:
    """Validation inputs that two versions answer differently.

    Examples: first those that only one of the two answers correctly, alternating. The first call for a version takes
    seconds.
    """
    model = replicas.known(name)
    first, second = await asyncio.gather(resolve(registry, model, version), resolve(registry, model, against))
    shared = await asyncio.to_thread(_shared_set, first, second, settings)
    answers = [await _answers(item, settings, aside, calculations) for item in (first, second)]
    counts, shown = await asyncio.to_thread(_compare, shared, *answers, n)
    return Differences(name=model, version=first.version, against=second.version, examples=shown, **counts)


def _shared_set(first: RegisteredVersion, second: RegisteredVersion, settings: Settings) -> HeldOut:
    """The validation set of both versions. Raises Conflict when each has its own, or one cannot be read."""
    spec = specs.get(first.model)
    try:
        mine, other = (held_out.load(spec, settings, storage.read_metadata(item.source)) for item in (first, second))
    except (CheckpointError, DataError) as error:
        raise Conflict(str(error)) from None
    if mine.fingerprint != other.fingerprint:
        raise Conflict(
            f"Versions {first.version} and {second.version} were measured on different data; they do not compare."
        )
    return mine


async def _answers(item: RegisteredVersion, settings: Settings, aside: Aside, calculations: Calculations) -> np.ndarray:
    """The cached answers, or new ones from a separate process, which imports torch and may take longer."""
    asked = (item.source, settings)
    try:
        kept = await asyncio.to_thread(held_out.kept_answers, *asked)
        if kept is not None:
            return kept
        return await calculations.answer(asked, lambda: aside.run(held_out.answers, *asked))
    except CheckpointError as error:
        raise Conflict(f"Version {item.version} of {item.model} cannot be loaded. {error}") from None


def _compare(shared: HeldOut, first: np.ndarray, second: np.ndarray, n: int) -> tuple[dict[str, int], list[Difference]]:
    """Counts of inputs with different answers, and ``n`` of these; both arguments (n, labels) probabilities.

    Of a regression, (n, 1) numbers: different are those by more than a hundredth of the target's spread, better is
    what is nearer to the truth; the examples are those that differ most.
    """
    if shared.labels:
        ours, theirs = first.argmax(1), second.argmax(1)
        differ = ours != theirs
        better, worse = differ & (ours == shared.truth), differ & (theirs == shared.truth)
        order = _by_turns(better, worse, differ)
    else:
        gap = np.abs(first - second)[:, 0]
        differ = gap > 0.01 * shared.truth.std()
        nearer = np.abs(first[:, 0] - shared.truth) < np.abs(second[:, 0] - shared.truth)
        better, worse = differ & nearer, differ & ~nearer
        order = np.argsort(-gap, kind="stable")[: differ.sum()]
    chosen = order[:n]
    counts = {"rows": len(first), "differing": differ.sum(), "better": better.sum(), "worse": worse.sum()}
    inputs = shared.inputs.at(chosen) if len(chosen) else []
    shown = [
        Difference(
            id=str(i),
            label=shared.label(i),
            answers={side: _answer(shared, row[i]) for side, row in (("version", first), ("against", second))},
            **shared.inputs.shown(given),
        )
        for i, given in zip(chosen, inputs, strict=True)
    ]
    return {key: int(value) for key, value in counts.items()}, shown


def _by_turns(better: np.ndarray, worse: np.ndarray, differ: np.ndarray) -> np.ndarray:
    """First those that only one version answers correctly, alternating."""
    turns = [i for i in chain(*zip_longest(np.flatnonzero(worse), np.flatnonzero(better))) if i is not None]
    return np.array([*turns, *np.flatnonzero(differ & ~better & ~worse)], dtype=np.int64)


def _answer(shared: HeldOut, row: np.ndarray) -> Answer:
    if not shared.labels:
        return Answer(label=f"{row[0]:.6g}", value=float(row[0]))
    return Answer(label=shared.labels[row.argmax()], probability=float(row.max()))
