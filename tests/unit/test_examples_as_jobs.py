"""An example as a job: its log and result, how it fails, what a cancelled one leaves running, its picture."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from settings import ROOT, Settings
from training.jobs import program
from training.jobs import store as jobs
from training.jobs.store import Job
from training.jobs.supervisor import Supervisor

WAIT_S = 30
PNG = b"\x89PNG\r\n\x1a\n" + b"pixels" + b"IEND\xaeB`\x82"
DRAWS = f"""
import os, sys
from pathlib import Path
Path("tuner.png").write_bytes({PNG!r})
Path("left over").mkdir()
print("in", Path.cwd().name, os.environ["RAY_ADDRESS"], os.environ.get("RAY_SERVE_ENABLE_HA_PROXY"))
print("a warning", file=sys.stderr)
"""
LEAVES_A_CHILD = """
import subprocess, sys
child = subprocess.Popen(["sleep", "3600"], start_new_session=True)
print("child", child.pid, flush=True)
"""
WAITS = LEAVES_A_CHILD + "child.wait()\n"


class Jobs:
    """A supervisor of a home, whose jobs run the one program ``tuner`` in the real runner."""

    def __init__(self, home: Path, source: str) -> None:
        (home / "examples").mkdir()
        (home / "examples" / "tuner.py").write_text(source)
        self.settings = Settings(air_home=home)
        self.store = jobs.Store(self.settings)
        self.processes: list[subprocess.Popen] = []
        self.supervisor = Supervisor(self.settings, "one", self._launch)
        self.id = asyncio.run(self.supervisor.submit("example", "", {"name": "tuner"})).id
        self.folder = self.store.folder(self.id)

    def _launch(self, folder: Path) -> subprocess.Popen:
        home = self.settings.air_home
        script = f"""
import sys
from pathlib import Path
from training import chapter
from training.jobs import program, runner
chapter.FOLDER, program.ROOT = Path({str(home)!r}) / "examples", Path({str(home)!r})
runner.stop_on_sigterm()
try:
    status = runner.run(Path({str(folder)!r}))
except KeyboardInterrupt:
    status = 130
runner.leave(status)
"""
        environment = {**os.environ, "RAY_ADDRESS": "127.0.0.1:1", "RAY_SERVE_ENABLE_HA_PROXY": "1"}
        with (folder / jobs.LOG).open("a") as log:
            self.processes.append(
                subprocess.Popen(
                    [sys.executable, "-c", script],
                    cwd=ROOT,
                    env=environment,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    process_group=0,
                )
            )
        return self.processes[-1]

    def look_until(self, true: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WAIT_S
        while not true():
            assert time.monotonic() < deadline, (self.job, self.log)
            self.supervisor.look()
            time.sleep(0.02)

    def ended(self) -> Job:
        self.look_until(lambda: self.job.state in jobs.ENDED)
        return self.job

    @property
    def job(self) -> Job:
        return self.store.read(self.id)

    @property
    def log(self) -> str:
        return self.store.log_tail(self.id, 50)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Jobs]]:
    """Submits a job that runs a program of this text; its process ends with the test."""
    made: list[Jobs] = []

    def start(source: str) -> Jobs:
        made.append(Jobs(tmp_path, source))
        return made[-1]

    yield start
    for running in made:
        for process in running.processes:
            process.kill()
            process.wait()


def _child(running: Jobs) -> psutil.Process | None:
    words = running.log.split()
    return psutil.Process(int(words[1])) if words[:1] == ["child"] else None


def test_colours_of_a_terminal_are_not_in_the_log(run: Callable[[str], Jobs]) -> None:
    running = run(r"print('\x1b[36m(raylet)\x1b[0m A worker died')")
    running.ended()
    assert running.log == "(raylet) A worker died"


def test_program_runs_in_its_folder_on_the_apps_ray_and_only_its_picture_stays(run: Callable[[str], Jobs]) -> None:
    running = run(DRAWS)
    job = running.ended()
    assert (job.state, job.error, job.progress.stage) == ("succeeded", None, "running")
    assert job.result["seconds"] >= 0
    assert sorted(running.log.splitlines()) == ["a warning", "in work 127.0.0.1:1 None"]
    assert [path.name for path in (running.folder / jobs.WORK).iterdir()] == ["tuner.png"]
    assert program.picture(running.folder, "tuner") == PNG


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("import sys\nsys.exit('examples.tuner needs Modin: run \"make extras\" first.')", None),
        ("import os\nos._exit(3)", "The program ended with status 3."),
        ("1 / 0", "ZeroDivisionError: division by zero"),
    ],
)
def test_program_that_fails_makes_the_job_fail_with_its_last_line(
    run: Callable[[str], Jobs], source: str, error: str | None
) -> None:
    job = run(source).ended()
    assert (job.state, job.error) == ("failed", error or 'examples.tuner needs Modin: run "make extras" first.')


def test_what_a_program_leaves_running_ends_with_it(run: Callable[[str], Jobs]) -> None:
    running = run(LEAVES_A_CHILD)
    assert running.ended().state == "succeeded"
    assert not psutil.pid_exists(int(running.log.split()[1]))


def test_cancel_ends_the_program_and_its_children(run: Callable[[str], Jobs]) -> None:
    running = run(WAITS)
    running.look_until(lambda: _child(running) is not None)
    child = _child(running)
    assert asyncio.run(running.supervisor.cancel(running.id)).state == "stopping"
    assert running.ended().state == "stopped"
    assert not child.is_running()


def test_program_ends_with_a_job_that_is_killed(run: Callable[[str], Jobs]) -> None:
    running = run("import os, time\nprint('child', os.getpid())\ntime.sleep(3600)")
    running.look_until(lambda: _child(running) is not None)
    child = _child(running)
    running.processes[0].kill()
    assert psutil.wait_procs([child], WAIT_S)[0] == [child]


def test_log_grows_while_the_program_runs(run: Callable[[str], Jobs]) -> None:
    running = run("import time\nprint('first line')\ntime.sleep(3600)")
    running.look_until(lambda: running.log == "first line")
    assert running.job.state == "running"


@pytest.mark.parametrize(
    "data", [PNG[:-4], b"<svg></svg>", PNG[:-12] + bytes(program.MAX_PICTURE_BYTES) + PNG[-12:], b""]
)
def test_what_is_no_complete_small_picture_is_not_served(tmp_path: Path, data: bytes) -> None:
    work = tmp_path / jobs.WORK
    work.mkdir()
    (work / "tuner.png").write_bytes(data)
    assert program.picture(tmp_path, "tuner") is None


def test_picture_is_no_link_to_another_file(tmp_path: Path) -> None:
    work = tmp_path / jobs.WORK
    work.mkdir()
    (tmp_path / "private.png").write_bytes(PNG)
    (work / "tuner.png").symlink_to(tmp_path / "private.png")
    assert program.picture(tmp_path, "tuner") is None
    os.mkfifo(work / "other.png")
    assert program.picture(tmp_path, "other") is None
