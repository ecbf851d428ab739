"""Assertions about a study that was interrupted in any way and then resumed."""

from __future__ import annotations

import json

from models.registry import Registry
from settings import Settings
from training.tuning import studies


def assert_resumed(
    study: studies.Study, number: int, ended: dict[str, studies.Trial], others: list[studies.Trial], settings: Settings
) -> None:
    """It has all its trials: ended ones unchanged, the others with their parameters, none drawn twice."""
    assert study.state == "succeeded"
    assert len(study.trials) == number
    assert all(trial.state in studies.ENDED for trial in study.trials)
    again = {trial.trial: trial for trial in study.trials}
    assert {trial: again[trial] for trial in ended} == ended
    for trial in others:
        assert again[trial.trial].params == trial.params
    drawn = [json.dumps(trial.params, sort_keys=True) for trial in study.trials]
    assert len(set(drawn)) == number, "the sampler started again and drew the same values"
    client = Registry(settings).client
    parent = client.get_run(study.run_id)
    assert parent.info.status == "FINISHED"
    children = client.search_runs([parent.info.experiment_id], f"tags.`mlflow.parentRunId` = '{study.run_id}'")
    assert sorted(run.data.tags["trial"] for run in children) == sorted(again)
