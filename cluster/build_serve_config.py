"""Write ``cluster/serve.yaml``: what ``serve build`` prints for the four applications, with their names and routes.

The same configuration ends ``cluster/kuberay.yaml``, where Serve also listens outside its pod.

    python cluster/build_serve_config.py            after a change of a deployment's options

A test compares the file with what this program would write.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

HEADER = """\
# The applications on a Ray cluster that runs already, from the repository's root on its head:
#   serve run cluster/serve.yaml          in the foreground
#   serve deploy cluster/serve.yaml       through the cluster's dashboard
# With `export RAY_AUTH_MODE=token` where the cluster requires a token.
# `python app.py` does the same on one machine, with HAProxy in front.
# Written by cluster/build_serve_config.py; change the deployments, not this file.
"""


def config() -> str:
    """The text of ``cluster/serve.yaml``."""
    from app import CONTROL_APP, UI_APP, route
    from models import specs

    shipped = [spec for spec in specs.all_specs().values() if spec.is_shipped]
    targets = [f"serve_deployments.{spec.module}:app" for spec in shipped]
    serve = Path(sys.executable).with_name("serve")
    with tempfile.NamedTemporaryFile(suffix=".yaml") as built:
        command = [str(serve), "build", *targets, "serve_deployments.control:app", "app:page", "-o", built.name]
        subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
        applications = yaml.safe_load(Path(built.name).read_text())["applications"]
    for application, name in zip(applications, [*(spec.name for spec in shipped), CONTROL_APP, UI_APP], strict=True):
        application.update(name=name, route_prefix=route(name))
        del application["runtime_env"]
    content = {
        "proxy_location": "HeadOnly",
        "http_options": {"host": "127.0.0.1", "port": 7860},
        "applications": applications,
    }
    return HEADER + yaml.safe_dump(content, sort_keys=False)


def kuberay(serve_config: str) -> str:
    """The text of ``cluster/kuberay.yaml`` with these applications at its end."""
    content = yaml.safe_load(serve_config)
    content["http_options"]["host"] = "0.0.0.0"
    text = (ROOT / "cluster" / "kuberay.yaml").read_text()
    before, key, _ = text.partition("  serveConfigV2: |\n")
    return before + key + textwrap.indent(yaml.safe_dump(content, sort_keys=False), "    ")


if __name__ == "__main__":
    written = config()
    (ROOT / "cluster" / "serve.yaml").write_text(written)
    (ROOT / "cluster" / "kuberay.yaml").write_text(kuberay(written))
