"""Measured rounds as Markdown: the figures, and where processor time goes."""

from __future__ import annotations

import platform
import statistics
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path

from benchmarks.harness.load import Measurement
from settings import available_cpus

PACKAGES = ("ray", "torch", "openvino", "xgboost", "fastapi", "uvicorn", "litserve")


@dataclass(frozen=True)
class Cell:
    """One combination that is measured in every round."""

    model: str
    server: str
    engine: str
    backend: str
    connections: int | None

    @property
    def title(self) -> str:
        """The first columns of its row in a table."""
        return f"| {self.server} | {self.backend} | {self.connections or '–'} |"


Results = dict[Cell, list[Measurement]]


def header(wrk: str, sources: Iterable[str], rounds: int, seconds: float, held_still: bool = True) -> str:
    """Date, machine, versions and method of a measurement."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"{date.today()}, {available_cpus()} cores of {processor()}; Python {platform.python_version()}, {packages}, "
        f"wrk {wrk}. {rounds} round(s) of {seconds:g} s a cell{', all other servers suspended' if held_still else ''}; "
        f"median (smallest–largest). Inputs: {', '.join(sources)}.\n"
    )


def figures(title: str, results: Results) -> str:
    """Requests a second and latencies of each cell."""
    lines = [
        f"### {title}\n",
        "| served by | backend | connections | requests/s | p50 ms | p99 ms |\n| --- | --- | --- | --- | --- | --- |",
    ]
    for cell, measured in sorted(results.items(), key=lambda item: (item[0].engine, item[0].connections or 0)):
        failed = [failure for one in measured for failure in one.failures]
        if failed:
            print(f"FAILED: {cell.title} {len(failed)} times, first: {failed[0]}", file=sys.stderr)
            lines.append(f"{cell.title} FAILED | FAILED | FAILED |")
            continue
        values = [
            spread([one.per_second for one in measured], 0),
            spread([one.p50_ms for one in measured], 2),
            spread([one.p99_ms for one in measured], 2),
        ]
        lines.append(f"{cell.title} {' | '.join(values)} |")
    return "\n".join(lines) + "\n"


def where_time_goes(results: Results, connections: int) -> str:
    """Processor milliseconds per request by group of processes, for the cells with this number of connections."""
    lines = ["| served by | backend | processes | CPU ms a request | cores busy |\n| --- | --- | --- | --- | --- |"]
    for cell, measured in results.items():
        if cell.connections != connections or any(one.failures for one in measured):
            continue
        for group in measured[0].cpu:
            each = [1000 * one.cpu.get(group, 0.0) / one.requests for one in measured]
            busy = [one.cpu.get(group, 0.0) / one.seconds for one in measured]
            lines.append(f"| {cell.server} | {cell.backend} | {group} | {spread(each, 3)} | {spread(busy, 2)} |")
    return "\n".join(lines) + "\n"


def spread(values: list[float | None], digits: int) -> str:
    """Median with smallest and largest."""
    if None in values:
        return "–"
    middle, low, high = statistics.median(values), min(values), max(values)
    return f"{middle:,.{digits}f} ({low:,.{digits}f}–{high:,.{digits}f})"


def processor() -> str:
    """The processor's model name."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
