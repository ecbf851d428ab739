"""The options of trainings: what they stand for, and which of them exclude each other."""

from __future__ import annotations

from typing import Any

import pytest

from training.config import TrainCifar10


@pytest.mark.parametrize(
    ("asked", "on_gpu", "on_cpu"),
    [
        ({}, 2_000, 250),
        ({"preset": "best"}, 250, 250),
        ({"net": "lenet"}, 250, 250),
        ({"batch_size": 60}, 60, 60),
    ],
)
def test_batch_suits_where_it_is_learned_from_unless_one_was_asked_for(
    asked: dict[str, Any], on_gpu: int, on_cpu: int
) -> None:
    config = TrainCifar10(**asked)
    assert (config.placed(gpu=True).batch_size, config.placed(gpu=False).batch_size) == (on_gpu, on_cpu)


def test_corrections_are_learned_from_in_memory_only() -> None:
    with pytest.raises(ValueError, match="use_corrections needs the loader memory"):
        TrainCifar10(loader="stream", use_corrections=True)
