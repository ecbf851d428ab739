"""Prepare this machine for Serve's HAProxy, and print the environment that Ray must be started with there.

    eval "$(python -m serve_deployments.front)"; ray start --head …

``python app.py`` does the same by itself where it starts Ray; ``cluster/node.sh`` calls this on a cluster.
"""

from __future__ import annotations

import shlex
import sys

from serve_deployments import front
from settings import SettingsError, available_cpus, get_settings
from training.runs.ray_session import LEAN_ENVIRONMENT, LOGICAL_CPUS_PER_CORE, TRAIN_ENVIRONMENT


def main() -> None:
    """Write HAProxy's files and print lines for a shell."""
    settings = get_settings()
    variables = {
        **TRAIN_ENVIRONMENT,
        **LEAN_ENVIRONMENT,
        **front.environment(settings),
        "AIR_LOGICAL_CPUS": str(LOGICAL_CPUS_PER_CORE * available_cpus()),
    }
    if settings.admin_token_sha256:
        # Ray's processes and the jobs in them need to know the right token when they see it, and no more.
        variables["AIR_ADMIN_TOKEN_SHA256"] = settings.admin_token_sha256
        print("unset AIR_ADMIN_TOKEN")
    front.prepare(settings)
    for name, value in variables.items():
        print(f"export {name}={shlex.quote(value)}")


if __name__ == "__main__":
    try:
        main()
    except SettingsError as error:
        sys.exit(f"error: {error}")
