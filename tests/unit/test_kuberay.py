"""``cluster/kuberay.yaml``: valid by KubeRay's schema, and it deploys the applications of ``cluster/serve.yaml``."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from settings import ROOT, Settings
from tests.helpers.repository import cluster_files

FILE = ROOT / "cluster" / "kuberay.yaml"
SCHEMA = "rayservice-v1.schema.json"


def _documents() -> dict[str, dict[str, Any]]:
    return {document["kind"]: document for document in yaml.safe_load_all(FILE.read_text())}


def _pods() -> list[dict[str, Any]]:
    cluster = _documents()["RayService"]["spec"]["rayClusterConfig"]
    return [group["template"]["spec"] for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"])]


@pytest.fixture
def schema() -> dict[str, Any]:
    """KubeRay's schema of a RayService; a field that it does not name is an error, as it is for kubectl."""
    folder = Path(os.environ.get("KUBERAY_CRD_DIR") or ROOT.parent / "shared" / "data" / "kuberay")
    if not (folder / SCHEMA).exists():
        pytest.skip(f"KubeRay's schema is not in {folder}; set KUBERAY_CRD_DIR to a folder with {SCHEMA}")

    def strict(part: Any) -> Any:
        if isinstance(part, list):
            return [strict(item) for item in part]
        if not isinstance(part, dict):
            return part
        closed = part.get("type") == "object" and isinstance(part.get("properties"), dict)
        open_ = part.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in part
        more = {"additionalProperties": False} if closed and not open_ else {}
        return {name: strict(value) for name, value in part.items()} | more

    whole = json.loads((folder / SCHEMA).read_text())
    whole["properties"] |= {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {}}
    return strict(whole)


def test_kuberay_takes_the_file(schema: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator(schema).validate(_documents()["RayService"])


def test_the_check_would_notice_a_field_that_kuberay_does_not_know(schema: dict[str, Any]) -> None:
    service = _documents()["RayService"]
    service["spec"]["rayClusterConfig"]["headGroupSpec"]["cpus"] = 2
    with pytest.raises(jsonschema.ValidationError, match="cpus"):
        jsonschema.Draft202012Validator(schema).validate(service)


def test_it_deploys_what_serve_yaml_deploys() -> None:
    service = yaml.safe_load(_documents()["RayService"]["spec"]["serveConfigV2"])
    written = yaml.safe_load((ROOT / "cluster" / "serve.yaml").read_text())
    assert service["applications"] == written["applications"]
    built = cluster_files.program("build_serve_config").kuberay((ROOT / "cluster" / "serve.yaml").read_text())
    assert built == FILE.read_text(), "run python cluster/build_serve_config.py"


def test_pods_run_as_the_images_user_with_probes_and_limits() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    for pod in _pods():
        assert f"--uid {pod['securityContext']['runAsUser']} " in dockerfile
        [container] = pod["containers"]
        assert container["resources"]["limits"] == container["resources"]["requests"]
        assert "livenessProbe" in container
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        environment = {one["name"]: one["value"] for one in container["env"]}
        assert f"WORKDIR {environment['PYTHONPATH']}\n" in dockerfile
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        assert ports["serve"] == Settings.model_fields["air_port"].default


def test_the_cluster_scales_and_asks_for_its_token() -> None:
    import ray

    cluster = _documents()["RayService"]["spec"]["rayClusterConfig"]
    assert cluster["rayVersion"] == ray.__version__
    assert cluster["enableInTreeAutoscaling"] is True
    assert cluster["authOptions"] == {"mode": "token"}
    [workers] = cluster["workerGroupSpecs"]
    assert (workers["minReplicas"], workers["maxReplicas"]) == (0, 0), "pods share no disk: more are for you to ask for"


def test_workers_on_which_no_proxy_runs_are_not_ready_by_themselves() -> None:
    """KubeRay probes Serve's proxy only on workers without their own probe."""
    head, worker = (pod["containers"][0] for pod in _pods())
    assert "readinessProbe" not in worker
    assert {**worker, "readinessProbe": head["readinessProbe"]} == head


def test_only_the_public_port_is_open_to_everybody() -> None:
    policy = _documents()["NetworkPolicy"]["spec"]
    assert [rule["ports"] for rule in policy["ingress"] if "from" not in rule] == [[{"port": 7860}]]
    labels = _documents()["RayService"]["spec"]["rayClusterConfig"]["headGroupSpec"]["template"]["metadata"]["labels"]
    assert policy["podSelector"]["matchLabels"].items() <= labels.items()
