"""``serve deploy`` of ``cluster/serve.yaml`` on a Ray cluster that is already running.

The cluster runs in its own namespaces (network, processes), because a second Ray with a dashboard
would disturb others on this machine.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from settings import ROOT

pytestmark = pytest.mark.alone

COMMANDS = """
set -e
ip link set lo up
export PATH={bin}:$PATH PYTHONPATH={root}
cd {root}
export RAY_AUTH_MODE=token HOME={tmp}
ray get-auth-token --generate >/dev/null
ray start --head --node-ip-address 127.0.0.1 --num-cpus 8 --include-dashboard true --disable-usage-stats \
    --object-store-memory 200000000 --temp-dir {tmp}/ray >{tmp}/ray.log 2>&1
serve deploy cluster/serve.yaml >{tmp}/deploy.log 2>&1
for second in $(seq 150); do
    curl -sf http://127.0.0.1:7860/api/readyz >{tmp}/ready.log && break
    sleep 1
done
curl -s -F file=@docs/example.png http://127.0.0.1:7860/api/cifar10/predict | tee {tmp}/answer.json >{tmp}/answer.log
serve status >{tmp}/status.yaml
ray stop --force >/dev/null 2>&1
"""


def _can_unshare() -> bool:
    if shutil.which("unshare") is None or shutil.which("curl") is None or os.geteuid() != 0:
        return False
    return subprocess.run(["unshare", "-n", "-p", "-f", "--mount-proc", "true"], capture_output=True).returncode == 0


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder whose name is short enough for Ray's sockets, at most 107 characters."""
    with tempfile.TemporaryDirectory(prefix="air-") as folder:
        yield Path(folder)


@pytest.mark.skipif(not _can_unshare(), reason="needs root, unshare and curl for a network of its own")
def test_serve_deploy_brings_all_four_applications_up(short_path: Path) -> None:
    script = COMMANDS.format(bin=Path(sys.executable).parent, root=ROOT, tmp=short_path)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "AIR_"))}
    ended = subprocess.run(
        ["unshare", "-n", "-p", "-f", "--mount-proc", "sh", "-c", script],
        env={**environment, "AIR_HOME": str(short_path / "home")},
        capture_output=True,
        text=True,
        timeout=400,
    )
    logs = "\n".join(path.read_text()[-2000:] for path in sorted(short_path.glob("*.log")))
    assert ended.returncode == 0, f"{ended.stderr[-2000:]}\n{logs}"
    assert '"label":"ship"' in (short_path / "answer.json").read_text()
    status = (short_path / "status.yaml").read_text()
    assert status.count("status: RUNNING") >= 4
