"""The servers of a run, their inputs, and the rounds, each of which measures every cell once."""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from pathlib import Path

from benchmarks.harness import inputs as asked
from benchmarks.harness import load
from benchmarks.harness.inputs import Inputs
from benchmarks.harness.load import LoadError, Measurement, Target
from benchmarks.harness.report import Cell, Results
from benchmarks.harness.servers import App, Peer, RawWorkers, Server, cpu_between, peer_environment
from settings import Settings, get_settings

WARM_UP_S = 1
IMAGE, TABLE = "cifar10", "breast-cancer"
SHIPPED, PLAIN = "as shipped", "torch fp32"
ENGINES = {SHIPPED: ("auto", "auto"), PLAIN: ("torch", "fp32")}
CONNECTIONS = {SHIPPED: (1, 8, 32, 64), PLAIN: (1, 32)}
MANY = 32
APP, LITSERVE, FASTAPI, RAW = "AIR Studio", "LitServe", "FastAPI", "no server"


def with_processes(server: str, count: int) -> str:
    """A peer's name with its number of processes."""
    return f"{server}, {count} process{'es' if count > 1 else ''}"


class Bench:
    """The servers, their inputs, and the cells of a round in order."""

    def __init__(self, folder: Path, options: argparse.Namespace, stack: ExitStack) -> None:
        self.folder = folder
        self.seconds = options.seconds
        self.only = options.only
        self.checkpoints = {IMAGE: options.image_checkpoint.resolve(), TABLE: options.table_checkpoint.resolve()}
        self.replicas = {IMAGE: get_settings().air_image_replicas, TABLE: get_settings().air_table_replicas}
        self.cells: dict[Cell, tuple[Server, Target | None]] = {}
        self.sources: dict[str, None] = {}
        self.stack = stack
        self.app: App | None = None
        (folder / "peers").mkdir()
        self._ports = iter(range(options.port, 60_000, 10))

    def next_port(self) -> int:
        """The first of ten ports that nothing else of this run uses."""
        return next(self._ports)

    def start(self, engine: str, models: list[str]) -> list[Target]:
        """Start the app and its peers for ``models`` with an engine; returns the app's routes. Raises LoadError."""
        wanted = [self._inputs(model, engine) for model in models]
        app = self._start_app(engine, wanted)
        routes = [self._target(f"{app.url}/api/{inputs.model}/predict", inputs, engine) for inputs in wanted]
        if self.only != "training":
            app.freeze()
            for target in routes:
                self._start_peers(engine, app, target)
        return routes

    def _inputs(self, model: str, engine: str) -> Inputs:
        make = asked.pictures if model == IMAGE else asked.rows
        name, precision = ENGINES[engine]
        settings = Settings(air_engine=name, air_precision=precision, air_home=self.folder / "peers")
        inputs = make(self.checkpoints[model], settings)
        self.sources[f"{len(inputs.bodies)} {inputs.source}"] = None
        return inputs

    def _target(self, url: str, inputs: Inputs, engine: str) -> Target:
        return Target(url, inputs, inputs.write(self.folder / f"{inputs.model} {engine}".replace(" ", "-")))

    def _engine_environment(self, engine: str) -> dict[str, str]:
        return dict(zip(("AIR_ENGINE", "AIR_PRECISION"), ENGINES[engine], strict=True))

    def _start_app(self, engine: str, expected: list[Inputs]) -> App:
        say(f"starting the app, {engine}")
        replicas = {
            "AIR_IMAGE_REPLICAS": str(self.replicas[IMAGE]),
            "AIR_TABLE_REPLICAS": str(self.replicas[TABLE]),
        }
        home = self.folder / f"app {engine}".replace(" ", "-")
        app = App(home, self.next_port(), self.checkpoints, {**self._engine_environment(engine), **replicas})
        self.stack.callback(app.stop)
        app.start(expected)
        self.app = app
        return app

    def _start_peers(self, engine: str, app: App, target: Target) -> None:
        inputs = target.inputs
        replicas = self.replicas[inputs.model]
        servers: list[tuple[Server, Target]] = [(app, target)]
        kind = "image" if inputs.model == IMAGE else "table"
        for workers in sorted({1, replicas}) if inputs.model == IMAGE else [replicas]:
            servers.append(self._peer(FASTAPI, "fastapi_server", [kind], workers, engine, target))
        raw = None
        if inputs.model == IMAGE:
            servers.append(self._peer(LITSERVE, "litserve_server", [], replicas, engine, target))
            raw = self._raw(engine, target, replicas)
        for connections in CONNECTIONS[engine]:
            for server, its_target in servers:
                cell = Cell(inputs.model, server.name, engine, inputs.backend, connections)
                self.cells[cell] = (server, its_target)
            if raw and connections == MANY:
                self.cells[Cell(inputs.model, raw.name, engine, inputs.backend, None)] = (raw, None)

    def _peer(
        self, title: str, module: str, arguments: list[str], workers: int, engine: str, target: Target
    ) -> tuple[Server, Target]:
        port, name = self.next_port(), with_processes(title, workers)
        say(f"starting {name}, {target.inputs.model}, {engine}")
        environment = self._peer_environment(engine, target)
        peer = Peer(name, module, [*arguments, str(port), str(workers)], workers, target.inputs, environment)
        self.stack.callback(peer.stop)
        peer.wait_until_loaded()
        its_target = Target(f"http://127.0.0.1:{port}/predict", target.inputs, target.folder)
        its_target.wait_until_it_answers()
        peer.freeze()
        return peer, its_target

    def _raw(self, engine: str, target: Target, workers: int) -> RawWorkers:
        raw = RawWorkers(
            with_processes(RAW, workers), target.folder, target.inputs, workers, self._peer_environment(engine, target)
        )
        self.stack.callback(raw.stop)
        raw.wait_until_loaded()
        raw.freeze()
        return raw

    def _peer_environment(self, engine: str, target: Target) -> dict[str, str]:
        checkpoint = self.checkpoints[target.inputs.model]
        return peer_environment(self.folder / "peers", checkpoint, self._engine_environment(engine))

    def run(self, rounds: int) -> Results:
        """Measure every cell once per round, in reverse order every other round."""
        results: Results = {cell: [] for cell in self.cells}
        for number in range(rounds):
            cells = list(self.cells)
            for cell in reversed(cells) if number % 2 else cells:
                measured = self._measure(cell)
                results[cell].append(measured)
                outcome = f"FAILED: {measured.failures[0]}" if measured.failures else f"{measured.per_second:,.0f}/s"
                say(f"round {number + 1} of {rounds}: {cell.server}, {cell.backend}, {cell.connections}: {outcome}")
        return results

    def _measure(self, cell: Cell) -> Measurement:
        server, target = self.cells[cell]
        server.thaw()
        try:
            if target:
                target.wait_until_it_answers()
            self._load(cell, WARM_UP_S)
            before = server.cpu()
            measured = self._load(cell, self.seconds)
            measured.cpu |= cpu_between(before, server.cpu())
            return measured
        except LoadError as error:
            return Measurement(failures=[str(error)])
        finally:
            server.freeze()

    def _load(self, cell: Cell, seconds: int) -> Measurement:
        server, target = self.cells[cell]
        return load.measure(target, cell.connections, seconds) if target else server.measure(seconds)


def say(text: str) -> None:
    """Print a line of progress to stderr, apart from the tables."""
    print(text, file=sys.stderr, flush=True)
