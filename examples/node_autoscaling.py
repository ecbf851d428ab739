"""Nodes come when a program asks for more CPUs than there are, and go when they are idle.

The chapter: the autoscaler starts machines for what tasks, actors and placement groups ask for. Today: the same, in its
second version. Look at: the nodes for three CPUs at once, as a training with three workers asks for, and afterwards.
Nodes are processes here, by the provider of Ray's own tests.
"""

import json
import os
import tempfile
import time
from pathlib import Path

import psutil
import ray
from ray._common.network_utils import find_free_port
from ray.autoscaler._private.fake_multi_node import node_provider as fake
from ray.cluster_utils import Cluster
from ray.util import placement_group, remove_placement_group

ID, HEAD = fake.FAKE_HEAD_NODE_ID, fake.FAKE_HEAD_NODE_TYPE
PROVIDER = {"type": "external", "module": f"{fake.__name__}.FakeMultiNodeProvider", "launch_multiple": True}
CONFIG = {
    "cluster_name": "example",
    "max_workers": 2,
    "idle_timeout_minutes": 0.05,
    "available_node_types": {name: {"resources": {"CPU": 1}, "node_config": {}} for name in (HEAD, "worker")},
    "head_node_type": HEAD,
    **dict.fromkeys(("setup_commands", "head_setup_commands", "worker_setup_commands", "cluster_synced_files"), []),
}
SETTINGS = {"RAY_enable_autoscaler_v2": "1", "AUTOSCALER_UPDATE_INTERVAL_S": "1", "RAY_FAKE_CLUSTER": "1"}


def main(folder: str) -> None:
    """Ask a head with one CPU for three, give them back, and say whenever the number of nodes changes."""
    os.environ |= SETTINGS | {"RAY_CLOUD_INSTANCE_ID": ID, "RAY_OVERRIDE_NODE_ID_FOR_TESTING": ID, "RAY_TMPDIR": folder}
    port, file = find_free_port(), Path(folder, "cluster.json")
    provider = PROVIDER | {"gcs_address": f"{ray.util.get_node_ip_address()}:{port}", "head_node_id": ID}
    file.write_text(json.dumps(CONFIG | {"provider": provider}))
    head = {"autoscaling_config": str(file), "gcs_server_port": port, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    ray.init(cluster.address, log_to_driver=False, logging_level="ERROR")
    group, nodes = placement_group([{"CPU": 1}] * 3), 0
    while group or nodes > 1:
        before, nodes = nodes, sum(node["Alive"] for node in ray.nodes())
        print(f"nodes: {nodes}\n" if nodes != before else "", end="", flush=True)
        if group and group.wait(0):
            group = remove_placement_group(group)
            print("three CPUs are there, and given back", flush=True)
        time.sleep(0.1)
    ray.shutdown()
    cluster.shutdown()
    for process in psutil.process_iter(["cmdline"]):  # of the last node, which the provider may still be ending
        if folder in " ".join(process.info["cmdline"] or []):
            process.kill()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir="/tmp", ignore_cleanup_errors=True) as name:
        main(name)
