"""Commands that start their own Ray, in a terminal."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from settings import ROOT
from tests.helpers.models import ROWS
from training.batch_predict.results import CSV
from training.batch_predict.run import main
from training.datasets import tables as breast_cancer


@pytest.mark.skipif(shutil.which("unshare") is None, reason="a disk of its own needs Linux's unshare")
def test_full_disk_is_told_in_a_sentence_and_leaves_no_version(small_cifar10: Path, tmp_path: Path) -> None:
    """AIR_HOME on a disk of 24 MB: the shipped models fit, the state of a training of ``best`` does not."""
    disk = tmp_path / "disk"
    disk.mkdir()
    train = f"{sys.executable} -m training.cifar10 --preset best --epochs 1 --max-images 40"
    look = f"{sys.executable} -m models.registry"
    left = f"find {disk} -name '*.partial'"
    script = f"mount -t tmpfs -o size=24m tmpfs {disk} && {{ {train}; echo status $?; {look}; {left}; }}"
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    ended = subprocess.run(
        ["unshare", *user, "--mount", "sh", "-c", script],
        cwd=ROOT,
        env={**os.environ, "AIR_HOME": str(disk / "home"), "CIFAR10_DIR": str(small_cifar10)},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    errors = [line for line in ended.stderr.splitlines() if line.startswith("error:")]
    assert len(errors) == 1, ended.stderr
    assert errors[0].startswith("error: The disk is full (")
    assert errors[0].endswith("). Free some space, or set AIR_HOME and TMPDIR elsewhere.")
    assert "Traceback" not in ended.stderr
    status, *listed = ended.stdout[ended.stdout.index("status ") :].splitlines()
    assert status == "status 2"
    assert [line.split()[:2] for line in listed] == [["cifar10", "1"], ["breast-cancer", "1"]], "or partial folders"


def test_terminal_writes_the_files_and_says_what_is_in_them(tmp_path: Path) -> None:
    matrix = breast_cancer.read(ROWS).rows("test")
    frame = pd.DataFrame(matrix[:4], columns=breast_cancer.read(ROWS).names).astype(object)
    frame.loc[1, "mean area"] = np.nan
    frame.to_csv(tmp_path / "rows.csv", index=False)

    def command(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "training.batch_predict", *words],
            cwd=ROOT,
            env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "AIR_HOME": str(tmp_path / "home")},
            capture_output=True,
            text=True,
            timeout=180,
        )

    done = command("breast-cancer", "--data", str(tmp_path / "rows.csv"), "--output", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert "line 3: mean area: It is empty; a number is needed." in done.stdout
    assert "rows 4  errors 1" in done.stdout
    assert len(pd.read_csv(tmp_path / "out" / CSV)) == 4
    assert "Traceback" not in done.stderr
    wrong = command("breast-cancer", "--data", "/nowhere.csv")
    assert (wrong.returncode, wrong.stderr.strip().splitlines()[-1]) == (
        2,
        "error: /nowhere.csv cannot be read: No such file or directory.",
    )
    assert main(["mnist"]) == 2
