"""The files for ``ray up``: Ray accepts them, they install what a node needs, and they open only SSH."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cluster.prove_ray_up import PICTURES
from settings import ROOT
from tests.helpers.models import IMAGES
from tests.helpers.repository import cluster_files

NO_LONGER_TAKEN = {"initial_workers", "autoscaling_mode", "target_utilization_fraction"}


@pytest.mark.parametrize("name", cluster_files.FILES)
def test_ray_takes_the_file(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    written, config = cluster_files.read(name), cluster_files.prepare(name)
    assert not NO_LONGER_TAKEN & set(written)
    workers = [node for kind, node in config["available_node_types"].items() if kind != "head"]
    assert [(node["min_workers"], node["max_workers"]) for node in workers] == [(0, 1)]
    assert config["max_workers"] == 1


@pytest.mark.parametrize("name", cluster_files.FILES)
def test_nodes_get_the_pinned_requirements_and_nothing_of_rays_defaults(name: str) -> None:
    config = cluster_files.prepare(name)
    commands = [*config["head_setup_commands"], *config["worker_setup_commands"]]
    assert any("python3 bootstrap.py" in command for command in commands)
    assert not any("ray-wheels" in command or "conda" in command for command in commands)
    pins = dict(re.findall(r"^([\w.-]+)==([\w.]+)", (ROOT / "requirements-dev.txt").read_text(), re.MULTILINE))
    named = dict(re.findall(r"([\w.-]+)==([\w.]+)", " ".join(commands)))
    assert named.items() <= pins.items()
    assert bool(named) == (name in cluster_files.CLOUDS)


@pytest.mark.parametrize("name", cluster_files.FILES)
def test_every_folder_that_the_app_is_made_of_goes_along(name: str) -> None:
    mounted = cluster_files.read(name)["file_mounts"]
    mounts = {remote: local for remote, local in mounted.items() if "air-studio" in remote}
    assert all((ROOT / local).exists() and remote == f"~/air-studio/{local}" for remote, local in mounts.items())
    code = {path.relative_to(ROOT).parts[0] for path in (*ROOT.glob("*.py"), *ROOT.glob("[!.]*/**/*.py"))}
    assert {"app.py", "ui", "tests"} <= code
    assert code - {"tests", "benchmarks"} <= set(mounts.values())


@pytest.mark.parametrize("name", cluster_files.FILES)
def test_nothing_but_ssh_is_open_and_every_node_asks_for_the_token(name: str) -> None:
    config = cluster_files.read(name)
    head = " ".join(config["head_start_ray_commands"])
    assert "--dashboard-host=127.0.0.1" in head
    assert all("cluster/node.sh" in command for command in config["head_start_ray_commands"])
    assert all("cluster/node.sh" in command for command in config["worker_start_ray_commands"])
    assert config["file_mounts"]["~/.ray/auth_token"] == "~/.ray/auth_token"


@pytest.fixture
def node(tmp_path: Path) -> Path:
    """The home folder of somebody on a node, with the repository in its place."""
    (tmp_path / "air-studio").symlink_to(ROOT)
    return tmp_path


def test_node_exports_what_serve_reads_however_often_it_is_asked(node: Path) -> None:
    environment = {"HOME": str(node), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    printed = subprocess.run(
        ["bash", "-c", ". ~/air-studio/cluster/node.sh && . ~/air-studio/cluster/node.sh && env"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    exported = dict(line.partition("=")[::2] for line in printed.splitlines())
    assert exported["RAY_AUTH_MODE"] == "token"
    assert exported["RAY_SERVE_ENABLE_HA_PROXY"] == exported["RAY_SERVE_THROUGHPUT_OPTIMIZED"] == "1"
    assert Path(exported["RAY_SERVE_HAPROXY_BINARY_PATH"]).read_text().startswith("#!/bin/sh")
    assert Path(exported["AIR_HAPROXY_BINARY"]).name == "haproxy"
    assert exported["AIR_HAPROXY_EDITS"].startswith(f"{node}/.air-studio/")  # no folder that app.py cleans up
    assert exported["PYTHONPATH"] == str(node / "air-studio")
    assert exported["AIR_NODES_BY_LOAD"] == "1"
    assert exported["RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S"] == "900"


def test_own_machines_are_the_ones_named_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ray.autoscaler._private.providers import _get_node_provider
    from ray.autoscaler.tags import TAG_RAY_NODE_KIND

    cluster_files.live_in(tmp_path, monkeypatch)
    (tmp_path / "ray").mkdir()
    config = cluster_files.prepare("local")
    provider = _get_node_provider(config["provider"], config["cluster_name"], use_cache=False)
    provider.create_node({}, {TAG_RAY_NODE_KIND: "head"}, 1)
    provider.create_node({}, {TAG_RAY_NODE_KIND: "worker"}, 1)
    written = cluster_files.read("local")
    assert provider.non_terminated_nodes({TAG_RAY_NODE_KIND: "head"}) == [written["provider"]["head_ip"]]
    assert provider.non_terminated_nodes({TAG_RAY_NODE_KIND: "worker"}) == written["provider"]["worker_ips"]
    assert config["auth"]["ssh_user"] == "ubuntu"


def test_proof_of_ray_up_draws_the_pictures_that_it_trains_with(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-", str(tmp_path)], input=PICTURES, cwd=ROOT, text=True, check=True)
    found = {split: len(list((tmp_path / split).glob("*/*.png"))) for split in ("train", "test")}
    assert found == {"train": 1200, "test": 200}
    assert sorted(path.name for path in (tmp_path / "train").iterdir()) == sorted(IMAGES.data.labels)
