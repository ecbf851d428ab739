"""What is told of a trained network's answers."""

from __future__ import annotations

import numpy as np

from training import evaluation


def test_surest_mistakes_are_the_wrong_answers_of_highest_probability() -> None:
    answers = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.3, 0.7]])
    told = evaluation.surest_mistakes(answers, np.array([0, 1, 0, 0]), ["cat", "dog"], most=2)
    assert told == {"row": [2, 3], "truth": ["cat", "cat"], "answer": ["dog", "dog"], "probability": [0.8, 0.7]}
