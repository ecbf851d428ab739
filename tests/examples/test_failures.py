"""The programs of what goes wrong: too little memory, a lost node, a killed actor and replica."""

from __future__ import annotations

import re
from pathlib import Path

from tests.helpers.programs import output_of


def test_spilling_says_how_many_blocks_and_what_went_to_disk(tmp_path: Path) -> None:
    *small, large, read = output_of("spilling", tmp_path)
    assert small == [
        "20 MiB with at most 10 MiB a block: 2 blocks, 0 MiB went to disk",
        "20 MiB with at most 5 MiB a block: 4 blocks, 0 MiB went to disk",
    ]
    spilled = re.fullmatch(r"160 MiB with at most 10 MiB a block: 16 blocks, (\d+) MiB went to disk", large)
    restored = re.fullmatch(r"read again: right, (\d+) MiB came back from disk", read)
    # The store holds 80 of the 160 MiB; what is read may push out what is not yet, so it comes back in part twice.
    assert spilled
    assert 80 <= int(spilled[1]) <= 200
    assert restored
    assert int(restored[1]) >= 80


def test_lineage_makes_lost_blocks_again_and_each_once(tmp_path: Path) -> None:
    assert output_of("lineage", tmp_path) == [
        "4 blocks, made: ['0', '1', '2', '3']",
        "their node is gone, another one is there",
        "read: right, made: ['0', '0', '1', '1', '2', '2', '3', '3']",
    ]


def test_actor_and_replica_come_back(tmp_path: Path) -> None:
    # Ray itself prints a line for each process that was killed.
    lines = [line for line in output_of("actor_recovery", tmp_path) if not line.startswith("\x1b")]
    assert lines == [
        "actor: counted to 3, killed, counts 3 in a new process",
        "replicas: one of 2 killed, a third one answers, failed requests: 0",
    ]
