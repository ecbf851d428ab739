"""Routes about studies: every study with its trials, and the parameters that a search may try."""

from __future__ import annotations

import asyncio
import csv
import io
from typing import Any

from fastapi import APIRouter, Path
from starlette.responses import Response

from models import specs
from serve_deployments.http.errors import NotFound
from serve_deployments.parts.services import Aside, CurrentSettings, InAside, InTurn
from serve_deployments.predict.calculations import Calculations
from serve_deployments.schemas.base import ErrorReply
from serve_deployments.schemas.tuning import (
    Importance,
    Searches,
    SearchPreset,
    Studies,
    StudyBase,
    StudyDetails,
    StudySummary,
)
from serve_deployments.versions import replicas
from training import families
from training.table import learner_options
from training.tuning import importance
from training.tuning.config import search_of
from training.tuning.space import Tunable
from training.tuning.studies import SHIPPED, Store, Study, Summary, UnknownStudy

STUDY = Path(max_length=64, description="the study's id; that of its job")

# Calculated importances, by study and number of trials.
KNOWN: dict[tuple[str, int], tuple[dict[str, float] | None, str | None]] = {}

router = APIRouter(tags=["tuning"])


@router.get("/tuning")
async def listed(settings: CurrentSettings) -> Studies:
    """Every study, newest first, including those that ship with AIR Studio."""
    store = Store(settings)
    found = await asyncio.to_thread(store.summaries)
    return Studies(studies=[StudySummary(**_base(study, store), trials=study.trials) for study in found])


@router.get("/tuning/{study}", responses={503: {"model": ErrorReply}})
async def study(settings: CurrentSettings, aside: InAside, calculations: InTurn, study: str = STUDY) -> StudyDetails:
    """One study with its trials, also while it runs."""
    store = Store(settings)
    found = await asyncio.to_thread(_read, store, study)
    shares, note = await _importance(found, aside, calculations)
    found_importance = Importance(method=importance.METHOD, params=shares) if shares is not None else None
    return StudyDetails(**_base(found, store), trials=found.trials, importance=found_importance, importance_note=note)


@router.get("/tuning/{study}/trials.csv", response_class=Response, responses={200: {"content": {"text/csv": {}}}})
async def trials_csv(settings: CurrentSettings, study: str = STUDY) -> Response:
    """A CSV with a line for each trial: parameters, last figures, state and time."""
    found = await asyncio.to_thread(_read, Store(settings), study)
    headers = {"Content-Disposition": f'attachment; filename="{found.study}-trials.csv"'}
    return Response(_csv(found), media_type="text/csv", headers=headers)


@router.get("/models/{name}/searches")
async def searches(name: str = Path(description="a model")) -> Searches:
    """Ready-made searches of a model, and every parameter that a space may name."""
    spec = replicas.spec_of(name)
    found = {preset: search_of(spec, preset) for preset in spec.searches}
    offered = [
        SearchPreset(
            preset=preset,
            learners={
                name: {key: dimension.model_dump() for key, dimension in space.items()}
                for name, space in search.learners.items()
                if not learner_options.missing(name)
            },
            **search.model_dump(
                include={"metric", "mode", "step", "num_samples", "minutes", "space", "folds", "repeats"}
            ),
        )
        for preset, search in found.items()
    ]
    of_learners = {name for search in found.values() for space in search.learners.values() for name in space}
    return Searches(
        name=name,
        searches=offered,
        tunable=families.TUNE[spec.family].TUNABLE.widest(),
        of_learners=Tunable(families.TRAIN[spec.family], tuple(sorted(of_learners))).widest(),
    )


def _read(store: Store, study: str) -> Study:
    try:
        return store.read(study)
    except UnknownStudy as error:
        raise NotFound(str(error)) from None


def _base(found: Study | Summary, store: Store) -> dict[str, Any]:
    kept = found.model_dump(include=set(StudyBase.model_fields))
    return kept | {"shipped": store.folder(found.study).parent == SHIPPED}


async def _importance(
    found: Study, aside: Aside, calculations: Calculations
) -> tuple[dict[str, float] | None, str | None]:
    """The importance of each parameter; calculated once, in another process: a random forest takes seconds."""
    if found.state == "running":
        return None, "Importance is calculated when the study has ended."
    key = (found.study, len(found.trials))
    if key not in KNOWN:
        KNOWN[key] = await calculations.answer(key, lambda: aside.run(_calculate, found))
    return KNOWN[key]


def _calculate(found: Study) -> tuple[dict[str, float] | None, str | None]:
    spec = specs.get(found.model)
    config = families.TUNE[spec.family].model_validate(found.config)
    return importance.importance(found, config.search(spec).space)


def _csv(found: Study) -> str:
    names = list(dict.fromkeys(name for trial in found.trials for name in trial.params))
    figures = list(dict.fromkeys(name for trial in found.trials for name in (trial.metrics or [{}])[-1]))
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["trial", "state", *names, *figures, "duration_s", "stopped_because"])
    for trial in found.trials:
        last = trial.metrics[-1] if trial.metrics else {}
        given = [trial.params.get(name) for name in names] + [last.get(name) for name in figures]
        writer.writerow([trial.trial, trial.state, *given, trial.duration_s, trial.stopped_because])
    return text.getvalue()
