"""The aims of the app relative to its peers: ratios of two cells within a round."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.harness.load import Measurement
from benchmarks.harness.report import Cell, Results, spread
from benchmarks.harness.rounds import (
    APP,
    ENGINES,
    FASTAPI,
    IMAGE,
    LITSERVE,
    MANY,
    PLAIN,
    RAW,
    SHIPPED,
    TABLE,
    with_processes,
)

Key = tuple[str, str, str, int | None]


@dataclass(frozen=True)
class Aim:
    """A ratio of two cells' figures and its bound; a cell is given by model, server, engine and connections."""

    title: str
    ours: Key
    other: Key
    figure: Callable[[Measurement], float | None]
    bound: float
    at_most: bool = False

    def row(self, ours: Cell, other: Cell, results: Results) -> str:
        """The row of the table: median, smallest and largest ratio over the rounds."""
        wanted = f"{'≤' if self.at_most else '≥'} {self.bound:g}"
        backend = " ÷ ".join(dict.fromkeys((ours.backend, other.backend)))
        pairs = list(zip(results[ours], results[other], strict=True))
        if any(measured.failures for pair in pairs for measured in pair):
            return f"| {self.title} | {backend} | FAILED | {wanted} | no |"
        ratios = [self.figure(one) / self.figure(another) for one, another in pairs]
        middle = statistics.median(ratios)
        met = middle <= self.bound if self.at_most else middle >= self.bound
        return f"| {self.title} | {backend} | {spread(ratios, 2)} | {wanted} | {'yes' if met else 'no'} |"


def table(results: Results, replicas: dict[str, int]) -> str:
    """A table of the aims whose cells were measured."""
    known = {(cell.model, cell.server, cell.engine, cell.connections): cell for cell in results}
    lines = ["| ratio | backend | measured | aim | met |\n| --- | --- | --- | --- | --- |"]
    lines += [
        aim.row(known[aim.ours], known[aim.other], results)
        for aim in _aims(replicas)
        if aim.ours in known and aim.other in known
    ]
    return "\n".join(lines) + "\n"


def _aims(replicas: dict[str, int]) -> list[Aim]:
    count = replicas[IMAGE]
    raw, litserve, by_hand = (with_processes(server, count) for server in (RAW, LITSERVE, FASTAPI))
    single, rows_by_hand = with_processes(FASTAPI, 1), with_processes(FASTAPI, replicas[TABLE])
    many, one = (IMAGE, APP, SHIPPED, MANY), (IMAGE, APP, SHIPPED, 1)
    rows = (TABLE, APP, SHIPPED, MANY)
    aims = []
    for engine in ENGINES:
        ours = (IMAGE, APP, engine, MANY)
        aims += [
            Aim("images/s, 32 connections ÷ no server", ours, (IMAGE, raw, engine, None), _rate, 0.75),
            Aim("images/s, 32 connections ÷ LitServe", ours, (IMAGE, litserve, engine, MANY), _rate, 1.25),
            Aim(f"images/s, 32 connections ÷ {by_hand}", ours, (IMAGE, by_hand, engine, MANY), _rate, 1),
            Aim(
                "image p50, 1 connection ÷ FastAPI",
                (IMAGE, APP, engine, 1),
                (IMAGE, single, engine, 1),
                _p50,
                1.2,
                True,
            ),
        ]
    return [
        *aims,
        Aim("images/s, 32 connections ÷ LitServe in torch", many, (IMAGE, litserve, PLAIN, MANY), _rate, 2),
        Aim("image p50, 1 connection ÷ FastAPI in torch", one, (IMAGE, single, PLAIN, 1), _p50, 0.6, True),
        Aim("images/s, 64 connections ÷ 32", (IMAGE, APP, SHIPPED, 64), many, _rate, 0.95),
        Aim(f"rows/s, 32 connections ÷ {rows_by_hand}", rows, (TABLE, rows_by_hand, SHIPPED, MANY), _rate, 1),
        Aim("rows/s, 64 connections ÷ 32", (TABLE, APP, SHIPPED, 64), rows, _rate, 0.95),
    ]


def _rate(measured: Measurement) -> float:
    return measured.per_second


def _p50(measured: Measurement) -> float | None:
    return measured.p50_ms
