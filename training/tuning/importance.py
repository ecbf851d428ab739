"""The importance of a study's parameters: functional ANOVA over a random forest, by Optuna.

F. Hutter, H. Hoos, K. Leyton-Brown, "An Efficient Approach for Assessing Hyperparameter Importance",
ICML 2014. With few trials the result would be noise, so there is none.
"""

from __future__ import annotations

import warnings
from typing import Any

from training.tuning.space import Space, distributions
from training.tuning.studies import Study

MIN_TRIALS = 12
METHOD = (
    "fANOVA: a random forest learns the metric from the parameters of the trials that finished; "
    "the share of its variance that each parameter explains alone."
)
TOO_FEW = "Too few trials for an importance: {there} finished, at least {needed} are needed."
LEARNERS = "Each learner has parameters of its own; the leaderboard compares the learners."
NOTHING = "All trials have the same result, so no parameter matters."
SEED = 0


def importance(study: Study, space: Space) -> tuple[dict[str, float] | None, str | None]:
    """The share of each parameter, largest first, or None and the reason in a sentence."""
    if not space:
        return None, LEARNERS
    ended = [trial for trial in study.trials if trial.state == "finished" and trial.value(study.metric) is not None]
    needed = max(MIN_TRIALS, 2 * len(space))
    if len(ended) < needed:
        return None, TOO_FEW.format(there=len(ended), needed=needed)
    values = [trial.value(study.metric) for trial in ended]
    if max(values) - min(values) == 0:
        return None, NOTHING
    return _calculate(space, [trial.params for trial in ended], values), None


def _calculate(space: Space, params: list[dict[str, Any]], values: list[float]) -> dict[str, float]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import optuna
        from optuna.importance import FanovaImportanceEvaluator, get_param_importances

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        known = optuna.create_study()
        possible = distributions(space)
        known.add_trials(
            [
                optuna.trial.create_trial(
                    params={name: given[name] for name in space}, distributions=possible, value=value
                )
                for given, value in zip(params, values, strict=True)
            ]
        )
        found = get_param_importances(known, evaluator=FanovaImportanceEvaluator(seed=SEED))
    return {name: float(share) for name, share in found.items()}
