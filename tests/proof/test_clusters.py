"""The files for ``ray up``: Ray takes them, and its own code asks each cloud for the machines that they name."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from settings import ROOT
from tests.helpers.aws_server import KEYS, aws_server
from tests.helpers.fake_cloud import Asked, azure, fake_cloud, google
from training import ray_session

CLOUDS = ["gcp", "azure", "aws"]
FILES = [*CLOUDS, "local"]
NO_LONGER_TAKEN = {"initial_workers", "autoscaling_mode", "target_utilization_fraction"}


def test_no_secret_is_handed_to_ray_which_would_log_it(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = ["AIR_ADMIN_TOKEN", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"]
    secrets += ["MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN"]
    for name in (*secrets, "AIR_MODE", "AWS_ENDPOINT_URL", "MLFLOW_TRACKING_URI"):
        monkeypatch.setenv(name, "something")
    told = ray_session._forwarded_environment()
    assert not set(secrets) & set(told)
    assert {"AIR_MODE", "AWS_ENDPOINT_URL", "MLFLOW_TRACKING_URI", "PYTHONPATH"} <= set(told)


def test_workers_import_what_the_driver_does(tmp_path: Path) -> None:
    (tmp_path / "only_here.py").write_text("ANSWER = 42\n")
    program = """
import ray
from settings import get_settings
from training import ray_session

ray_session.connect(get_settings())

@ray.remote
def answer():
    import only_here
    return only_here.ANSWER

print(ray.get(answer.remote()))
"""
    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path), "AIR_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.stdout.split() == ["42"], ended.stderr


def _read(name: str) -> dict[str, Any]:
    return yaml.safe_load((ROOT / "cluster" / f"{name}.yaml").read_text())


def _prepare(name: str) -> dict[str, Any]:
    from ray.autoscaler._private.util import prepare_config, validate_config

    config = prepare_config(_read(name))
    validate_config(config)
    return config


@pytest.mark.parametrize("name", FILES)
def test_ray_takes_the_file(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    written, config = _read(name), _prepare(name)
    assert not NO_LONGER_TAKEN & set(written)
    workers = [node for kind, node in config["available_node_types"].items() if kind != "head"]
    assert [(node["min_workers"], node["max_workers"]) for node in workers] == [(0, 1)]
    assert config["max_workers"] == 1


@pytest.mark.parametrize("name", FILES)
def test_nodes_get_the_pinned_requirements_and_nothing_of_rays_defaults(name: str) -> None:
    config = _prepare(name)
    commands = [*config["head_setup_commands"], *config["worker_setup_commands"]]
    assert any("python3 bootstrap.py" in command for command in commands)
    assert not any("ray-wheels" in command or "conda" in command for command in commands)
    pins = dict(re.findall(r"^([\w.-]+)==([\w.]+)", (ROOT / "requirements-dev.txt").read_text(), re.MULTILINE))
    named = dict(re.findall(r"([\w.-]+)==([\w.]+)", " ".join(commands)))
    assert named.items() <= pins.items()
    assert bool(named) == (name in CLOUDS)


@pytest.mark.parametrize("name", FILES)
def test_every_folder_that_the_app_is_made_of_goes_along(name: str) -> None:
    mounts = {remote: local for remote, local in _read(name)["file_mounts"].items() if "air-studio" in remote}
    assert all((ROOT / local).exists() and remote == f"~/air-studio/{local}" for remote, local in mounts.items())
    tracked = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    code = {line.partition("/")[0] for line in tracked.splitlines()}
    assert code - {"tests", "benchmarks"} <= set(mounts.values())


@pytest.mark.parametrize("name", FILES)
def test_nothing_but_ssh_is_open_and_every_node_asks_for_the_token(name: str) -> None:
    config = _read(name)
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
    told = subprocess.run(
        ["bash", "-c", ". ~/air-studio/cluster/node.sh && . ~/air-studio/cluster/node.sh && env"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    exported = dict(line.partition("=")[::2] for line in told.splitlines())
    assert exported["RAY_AUTH_MODE"] == "token"
    assert exported["RAY_SERVE_ENABLE_HA_PROXY"] == exported["RAY_SERVE_THROUGHPUT_OPTIMIZED"] == "1"
    assert Path(exported["RAY_SERVE_HAPROXY_BINARY_PATH"]).read_text().startswith("#!/bin/sh")
    assert Path(exported["AIR_HAPROXY_BINARY"]).name == "haproxy"
    assert exported["AIR_HAPROXY_EDITS"].startswith(f"{node}/.air-studio/")  # no folder that app.py cleans up
    assert exported["PYTHONPATH"] == str(node / "air-studio")
    assert exported["AIR_NODES_BY_LOAD"] == "1"
    assert exported["RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S"] == "900"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home folder for the keys that Ray makes, and the repository's root to work in."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "AZURE_", "GOOGLE_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path / "ray"))
    monkeypatch.chdir(ROOT)
    return tmp_path


def _up(name: str) -> dict[str, Any]:
    """What ``ray up`` does until it would log in: make everything ready, the head, and as many workers as may be."""
    from ray.autoscaler._private.event_summarizer import EventSummarizer
    from ray.autoscaler._private.node_launcher import BaseNodeLauncher
    from ray.autoscaler._private.node_provider_availability_tracker import NodeProviderAvailabilityTracker
    from ray.autoscaler._private.providers import _NODE_PROVIDERS, _get_node_provider
    from ray.autoscaler._private.util import hash_launch_conf
    from ray.autoscaler.tags import (
        NODE_KIND_HEAD,
        TAG_RAY_LAUNCH_CONFIG,
        TAG_RAY_NODE_KIND,
        TAG_RAY_NODE_NAME,
        TAG_RAY_NODE_STATUS,
        TAG_RAY_USER_NODE_TYPE,
    )

    config = _prepare(name)
    config = _NODE_PROVIDERS[name](config["provider"]).bootstrap_config(config)
    provider = _get_node_provider(config["provider"], config["cluster_name"], use_cache=False)
    types = config["available_node_types"]
    head = {**types["head"]["node_config"], **config.get("head_node", {})}
    tags = {
        TAG_RAY_NODE_KIND: NODE_KIND_HEAD,
        TAG_RAY_USER_NODE_TYPE: "head",
        TAG_RAY_LAUNCH_CONFIG: hash_launch_conf(head, config["auth"]),
        TAG_RAY_NODE_NAME: "ray-air-studio-head",
        TAG_RAY_NODE_STATUS: "uninitialized",
    }
    provider.create_node(head, tags, 1)
    launcher = BaseNodeLauncher(provider, None, EventSummarizer(), NodeProviderAvailabilityTracker(), node_types=types)
    launcher._launch_node(config, types["worker"]["max_workers"], "worker")
    return config


def test_google_is_asked_for_a_head_and_a_worker_in_us_west1_a(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    account = {
        "type": "service_account",
        "project_id": "your-project",
        "private_key": key.decode(),
        "client_email": "me@your-project.iam.gserviceaccount.com",
        "token_uri": "https://oauth2.googleapis.com/token",
    }
    (home / "account.json").write_text(json.dumps(account))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(home / "account.json"))
    with fake_cloud(home, monkeypatch, google) as asked:
        config = _up("gcp")
    machines = [one for one in asked if one.method == "POST" and one.path.endswith("/instances")]
    assert {one.path for one in machines} == {"/compute/v1/projects/your-project/zones/us-west1-a/instances"}
    kinds = [machine.body["labels"]["ray-node-type"] for machine in machines]
    assert kinds == ["head", "worker"]
    for machine in machines:
        assert machine.body["machineType"] == "zones/us-west1-a/machineTypes/e2-standard-4"
        [disk] = machine.body["disks"]
        assert disk["initializeParams"]["diskSizeGb"] == 50
        assert disk["initializeParams"]["sourceImage"].endswith("ubuntu-2404-lts-amd64")
        assert "/regions/us-west1/" in machine.body["networkInterfaces"][0]["subnetwork"]
    [keys] = [one.body for one in asked if one.path.endswith("/setCommonInstanceMetadata")]
    assert keys["items"][0]["value"].startswith("ubuntu:ssh-rsa ")
    assert config["auth"]["ssh_user"] == "ubuntu"
    assert not [one for one in asked if "firewall" in one.path]


@pytest.fixture
def azure_login(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command `az` of somebody who is logged in."""
    token = {"accessToken": "a-token", "expiresOn": "2099-01-01 00:00:00.000000", "expires_on": 4070908800}
    command = home / "bin" / "az"
    command.parent.mkdir()
    command.write_text(f"#!/bin/sh\necho '{json.dumps(token)}'\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{command.parent}:{os.environ['PATH']}")


def _deployments(asked: list[Asked]) -> list[Asked]:
    return [one for one in asked if one.method == "PUT" and "/deployments/" in one.path]


@pytest.mark.usefixtures("azure_login")
def test_azure_is_asked_for_a_head_and_a_worker_in_westus2(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with fake_cloud(home, monkeypatch, azure) as asked:
        _up("azure")
    [group] = [one for one in asked if one.method == "PUT" and one.path.lower().endswith("/resourcegroups/air-studio")]
    assert group.body["location"] == "westus2"
    network, *machines = _deployments(asked)
    rules = [
        rule["properties"]
        for resource in network.body["properties"]["template"]["resources"]
        if resource["type"].endswith("networkSecurityGroups")
        for rule in resource["properties"]["securityRules"]
    ]
    assert [(rule["access"], rule["destinationPortRange"]) for rule in rules] == [("Allow", "22")]
    asked_for = [
        {name: given["value"] for name, given in one.body["properties"]["parameters"].items()} for one in machines
    ]
    assert [one["vmTags"]["ray-node-type"] for one in asked_for] == ["head", "worker"]
    for one in asked_for:
        assert (one["vmSize"], one["osDiskSize"], one["vmCount"]) == ("Standard_D4s_v5", 50, 1)
        assert (one["imageOffer"], one["adminUsername"], one["zones"]) == ("ubuntu-24_04-lts", "ubuntu", [])
        assert one["publicKey"].startswith("ssh-rsa ")


def test_aws_is_asked_for_a_head_and_a_worker_in_us_west_2a(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import boto3

    monkeypatch.setenv("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")  # which Ray gives its head
    with aws_server() as url:
        for name, value in {"AWS_ENDPOINT_URL": url, **KEYS}.items():
            monkeypatch.setenv(name, value)
        # Other tests of this process may have used it before, without the policies that Ray looks for.
        requests.post(f"{url}/moto-api/reset", timeout=10).raise_for_status()
        _up("aws")
        ec2 = boto3.resource("ec2", region_name="us-west-2")
        machines = list(ec2.instances.all())
        kinds = sorted(tag["Value"] for one in machines for tag in one.tags if tag["Key"] == "ray-node-type")
        assert kinds == ["head", "worker"]
        for machine in machines:
            assert (machine.instance_type, machine.placement["AvailabilityZone"]) == ("m6i.xlarge", "us-west-2a")
            [disk] = machine.volumes.all()
            assert (disk.size, disk.volume_type) == (50, "gp3")
            [group] = machine.security_groups
            rules = ec2.SecurityGroup(group["GroupId"]).ip_permissions
            from_outside = [rule for rule in rules if rule.get("IpRanges")]
            assert [(rule["FromPort"], rule["ToPort"]) for rule in from_outside] == [(22, 22)]


def test_own_machines_are_the_ones_named_in_the_file(home: Path) -> None:
    from ray.autoscaler._private.providers import _get_node_provider
    from ray.autoscaler.tags import TAG_RAY_NODE_KIND

    (home / "ray").mkdir()
    config = _prepare("local")
    provider = _get_node_provider(config["provider"], config["cluster_name"], use_cache=False)
    provider.create_node({}, {TAG_RAY_NODE_KIND: "head"}, 1)
    provider.create_node({}, {TAG_RAY_NODE_KIND: "worker"}, 1)
    written = _read("local")
    assert provider.non_terminated_nodes({TAG_RAY_NODE_KIND: "head"}) == [written["provider"]["head_ip"]]
    assert provider.non_terminated_nodes({TAG_RAY_NODE_KIND: "worker"}) == written["provider"]["worker_ips"]
    assert config["auth"]["ssh_user"] == "ubuntu"
