"""Figures about a trained model's answers: mistakes, false alarms and misses, confusion."""

from __future__ import annotations

import numpy as np
import pytest

from training.results import evaluation


def test_surest_mistakes_are_the_wrong_answers_of_highest_probability() -> None:
    answers = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.3, 0.7]])
    mistakes = evaluation.surest_mistakes(answers, np.array([0, 1, 0, 0]), ["cat", "dog"], most=2)
    assert mistakes == {"row": [2, 3], "truth": ["cat", "cat"], "answer": ["dog", "dog"], "probability": [0.8, 0.7]}


def test_thresholds_count_false_alarms_and_misses() -> None:
    probability = np.array([0.15, 0.25, 0.45, 0.65, 0.75])
    positive = np.array([False, False, False, True, False])
    rows = {row["threshold"]: row for row in evaluation.thresholds(probability, positive, steps=10)}
    assert len(rows) == 11
    counted = {at: (rows[at]["false_alarms"], rows[at]["misses"]) for at in (0.0, 0.2, 0.5, 0.7, 1.0)}
    assert counted == {0.0: (4, 0), 0.2: (3, 0), 0.5: (1, 0), 0.7: (1, 1), 1.0: (0, 1)}


def test_figures_of_two_classes_are_counted_at_one_half() -> None:
    probability = np.array([0.9, 0.5, 0.4, 0.2, 0.6])
    positive = np.array([True, True, True, False, False])
    figures = evaluation.binary_figures(probability, positive, ("ill", "well"))
    assert (figures["rows"], figures["accuracy"], figures["error"]) == (5, 0.6, 0.4)
    assert figures["confusion"] == {"labels": ["ill", "well"], "matrix": [[2, 1], [1, 1]]}
    assert figures["auc"] == 4 / 6


def test_few_answers_that_are_all_right_do_not_make_a_model_sure_of_everything() -> None:
    labels = np.arange(20) % 4
    logits = np.where(np.arange(4) == labels[:, None], 2.0, 0.0)
    temperature = evaluation.fit_temperature(logits, labels)
    sure = np.exp(logits / temperature)
    sure /= sure.sum(1, keepdims=True)
    assert sure.max() == pytest.approx(21 / 22, abs=1e-3), "after 20 right answers, the next may be the first wrong one"
    assert evaluation.unsure_below(sure) == 0.9
    assert evaluation.unsure_below(np.array([[0.5, 0.5], [0.3, 0.7]] * 20)) == pytest.approx(0.5)
