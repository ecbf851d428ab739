"""The programs about kinds of work: tasks, actors, both, and CPUs for data tasks beside a training."""

from __future__ import annotations

import re
from pathlib import Path

from tests.helpers.programs import output_of


def test_tasks_together_give_what_one_process_computes(tmp_path: Path) -> None:
    processes, *others = output_of("stateless_tasks", tmp_path)
    assert re.fullmatch(r"8 tasks in [1-8] processes, none of them this one: True", processes)
    assert others == [
        "rows of each task: [72, 71, 71, 71, 71, 71, 71, 71]",
        "mean radius: mean 14.127, standard deviation 3.521",
        "mean texture: mean 19.290, standard deviation 4.297",
        "the same as in one process: True",
    ]


def test_actors_go_on_where_they_stopped(tmp_path: Path) -> None:
    assert output_of("stateful_actors", tmp_path) == [
        "2 actors in processes of their own",
        "learner A after 20 steps: log loss 0.0843",
        "learner A after 40 steps: log loss 0.0723",
        "learner A after 60 steps: log loss 0.0674",
        "learner B after 20 steps: log loss 0.0965",
        "learner B after 40 steps: log loss 0.0795",
        "learner B after 60 steps: log loss 0.0722",
    ]


def test_tasks_compute_and_an_actor_remembers(tmp_path: Path) -> None:
    assert output_of("tasks_and_actors", tmp_path) == [
        "round 10: log loss 0.0965, right 97.5%",
        "round 20: log loss 0.0832, right 97.5%",
        "round 30: log loss 0.0762, right 98.2%",
        "120 gradients by stateless tasks, one actor that remembers",
    ]


def test_workers_that_take_every_cpu_read_nothing(tmp_path: Path) -> None:
    assert output_of("free_cpus", tmp_path) == [
        "the chapter's setting: got an unexpected keyword argument '_max_cpu_fraction_per_node'",
        "a worker that requests 2 of 2 CPUs: it read 0 rows",
        "a worker that requests 1 of 2 CPUs: it read 1000 rows",
    ]
