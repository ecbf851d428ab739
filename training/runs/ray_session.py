"""Start or join Ray: the one place that decides how many logical CPUs a machine has.

A 2-core laptop gets 8 logical CPUs. Ray counts logical CPUs only to place work; with just one per
core, two training workers beside Serve's replicas and Ray Data's tasks would wait for each other for
ever. Threads, not logical CPUs, decide what really runs, and each part of AIR Studio sets its own number.
"""

from __future__ import annotations

import logging
import os
import sys
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

from models import specs
from settings import ROOT, Settings, available_cpus
from training.runs.errors import ConfigError

NAMESPACE = "air-studio"
# Actors that keep files in AIR_HOME must run where these are, on the head of a cluster.
ON_HEAD = {"node:__internal_head__": 0.001}
LOGICAL_CPUS_PER_CORE = 4
DISK_FULL_THRESHOLD = "0.99"
TRAINING_NICENESS = 10
FORWARDED = ("AIR_", "MLFLOW_", "AWS_", "RAY_TRAIN_", "RAY_DATA_")
SECRET = ("TOKEN", "TOKEN_SHA256", "PASSWORD", "_KEY", "_KEY_ID")

# Train V2's controller checks every 2 s by default, so a small fit mostly waits; each check takes processor
# time from a training on all cores.
TRAIN_ENVIRONMENT = {
    "RAY_TRAIN_V2_ENABLED": "1",
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "1",
    "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "60",
    "RAY_TRAIN_ENABLE_STATE_TRACKING": "0",
}
# Workers that Ray starts in advance cost seconds of processor time on a small machine and are not used.
LEAN_ENVIRONMENT = {
    "RAY_enable_worker_prestart": "0",
    "RAY_prestart_worker_first_driver": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
    # Ray Data would start 32 processes for the footers of Parquet files; a single file needs one.
    "RAY_DATA_PARQUET_FOOTER_NUM_ACTORS": "1",
    "RAY_DEDUP_LOGS": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    # Serving comes first: workers run at full priority, and training lowers its own (``give_way``).
    "RAY_worker_niceness": "0",
    "RAY_local_fs_capacity_threshold": DISK_FULL_THRESHOLD,
}


def connect(settings: Settings, **overrides: Any) -> None:
    """Join ``RAY_ADDRESS`` or start Ray on this machine; does nothing when already connected.

    ``overrides`` go to ``ray.init``. Every worker gets the environment of AIR Studio. Raises
    ConfigError when there is no Ray at RAY_ADDRESS.
    """
    for name, value in {**TRAIN_ENVIRONMENT, **LEAN_ENVIRONMENT}.items():
        os.environ.setdefault(name, value)
    if not os.access(Path.home(), os.W_OK):
        os.environ["HOME"] = str(settings.air_home)  # Ray keeps its authentication token at home
    import ray

    if ray.is_initialized():
        return
    options: dict[str, Any] = {
        "namespace": NAMESPACE,
        "logging_level": logging.ERROR,
        "log_to_driver": False,
    }
    if settings.ray_address:
        options |= {"address": settings.ray_address, "runtime_env": {"env_vars": _forwarded_environment()}}
    else:
        # Workers inherit this environment; a runtime_env would cost a second start of its agent.
        paths = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path not in ("", str(ROOT))]
        os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), *paths])
        # No cloud preempts this machine; saves one process per training.
        os.environ.setdefault("RAY_TRAIN_ENABLE_PREEMPTION_WATCHER", "0")
        # Gloo, with which the workers of a training share gradients, has no authentication.
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo" if sys.platform == "linux" else "lo0")
        options |= {
            "address": "local",
            "num_cpus": LOGICAL_CPUS_PER_CORE * available_cpus(),
            "object_store_memory": settings.air_object_store_mb * 1024 * 1024,
            "include_dashboard": False,
        }
    try:
        ray.init(**(options | overrides))
    except ConnectionError as error:
        token = " It requires a token: set RAY_AUTH_MODE=token." if "token" in str(error.__cause__) else ""
        raise ConfigError(f"RAY_ADDRESS: no Ray could be joined at {settings.ray_address}.{token}") from error
    _keep_token_private()
    quiet_ray_data()


def gpus() -> int:
    """The number of GPUs of the connected Ray."""
    import ray

    return int(ray.cluster_resources().get("GPU", 0))


def _keep_token_private() -> None:
    """Make Ray's token readable to its owner only: Ray lets every user read it, and it allows running any code."""
    token = Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or Path.home() / ".ray" / "auth_token")
    with suppress(OSError):  # there is none, or it belongs to another user
        token.chmod(0o600)


def private_folder(settings: Settings) -> dict[str, Any]:
    """Options for ``ray.init`` that separate a local Ray's session files from other Rays'."""
    return {} if settings.ray_address else {"_temp_dir": str(settings.tmp / "ray")}


def give_way() -> None:
    """Lower the priority of this thread and of those that it starts.

    Training and decoding call this: on a machine without spare cores, a training then slows
    predictions only a little, and uses whatever they leave.
    """
    # A process may not lower its niceness again.
    os.setpriority(os.PRIO_PROCESS, 0, max(TRAINING_NICENESS, os.getpriority(os.PRIO_PROCESS, 0)))


def quiet_ray_data() -> None:
    """Keep Ray Data's progress lines out of the terminal; errors still come through."""
    import ray

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    logging.getLogger("ray.train").setLevel(logging.ERROR)
    # Hides advice to use more blocks where the data is one block.
    warnings.filterwarnings("ignore", category=UserWarning, module=r"ray\.data\.")


def _forwarded_environment() -> dict[str, str]:
    """Variables for a cluster's workers, without secrets, which Ray would log; the nodes have those already."""
    data = specs.variables()
    passed = {name: value for name, value in os.environ.items() if name.startswith(FORWARDED) or name in data}
    return {name: value for name, value in passed.items() if not name.endswith(SECRET)} | {"PYTHONPATH": str(ROOT)}
