"""Batch predictions of a studio, played by a test: real answers, counts and files, without Ray's actors."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from models import specs
from models.registry import CHAMPION
from tests.helpers.in_process.played import Played
from tests.helpers.in_process.studio import Studio
from training import families
from training.batch_predict import run as batch_predict
from training.batch_predict import uploads
from training.batch_predict.sources import TEST_SET, Source
from training.batch_predict.worker import PicturePredictor, Predictor, RowPredictor
from training.jobs import store as jobs
from training.runs.records import read_json


class _Rows(RowPredictor):
    """Predicts with a model that is already loaded."""

    def __init__(self, model: Any) -> None:
        self.model = model


class _Pictures(PicturePredictor):
    """The same for pictures; ``raw`` ones are pixels."""

    def __init__(self, model: Any, raw: bool) -> None:
        self.model, self._raw, self._root = model, raw, ""


def predict(studio: Studio, job_id: str) -> dict[str, Any]:
    """Do the work of a queued batch prediction by the champion once it runs; returns its result."""
    running = Played(studio, job_id)
    folder = studio.home / "jobs" / job_id
    job = read_json(folder / jobs.JOB)
    assert job["config"]["version"] == CHAMPION
    champion = studio.replicas.apps[job["model"]][0].champion
    name, items, predictor = _asked(studio, job["config"]["upload"], champion.model)
    answers = iter([predictor(items)])
    kept = batch_predict.keep(Source(name, None, len(items)), answers, folder / jobs.FILES, running)
    result = {"version": champion.version, **kept}
    running.succeed(result)
    return result


def _asked(studio: Studio, upload: str | None, model: Any) -> tuple[str, pa.Table, Predictor]:
    """The source's name, its items, and the predictor for them."""
    takes_rows = hasattr(model, "features")
    if upload is not None:
        store = uploads.Store(studio.settings)
        items = pq.read_table(store.items(upload))
        return ", ".join(store.read(upload).names), items, _Rows(model) if takes_rows else _Pictures(model, raw=False)
    spec = specs.get(model.metadata.model)
    items, raw = families.part(spec.family, "held_out").test_set(spec, studio.settings, model.metadata)
    return TEST_SET, items, _Rows(model) if takes_rows else _Pictures(model, raw)
