"""``ray up`` with the files of cluster/: Ray's own code requests the machines that they name from each cloud."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from settings import ROOT
from tests.helpers.repository import cluster_files
from tests.helpers.servers.aws import KEYS, aws_server
from tests.helpers.servers.clouds import Asked, azure, fake_cloud, google


def test_workers_import_what_the_driver_does(tmp_path: Path) -> None:
    (tmp_path / "only_here.py").write_text("ANSWER = 42\n")
    program = """
import ray
from settings import get_settings
from training.runs import ray_session

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


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder for the keys that Ray makes, and the repository's root to work in."""
    cluster_files.live_in(tmp_path, monkeypatch)
    return tmp_path


def _up(name: str) -> dict[str, Any]:
    """The steps of ``ray up`` before it logs in: prepare everything, create the head and the most workers allowed."""
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

    config = cluster_files.prepare(name)
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
    """A command `az` with a logged-in user."""
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
