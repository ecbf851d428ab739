"""Whether AIR Studio can start on this machine: folders, disk, storage, registry, ports."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from models import registry
from models.artifact import storage
from serve_deployments import front
from settings import Settings, private_folder

MIN_FREE_BYTES = 512 * 1024**2


class CannotStart(Exception):
    """Something on this machine is in the way; str() says what and what to do."""


def check_machine(settings: Settings) -> None:
    """Raise CannotStart with one sentence when the app could not run here."""
    try:
        probe = private_folder(settings.air_home) / f".write-test-{os.getpid()}"
        probe.write_bytes(b"x" * 4096)
        probe.unlink()
    except OSError as error:
        raise CannotStart(
            f"AIR_HOME ({settings.air_home}) cannot be written: {error.strerror}. Set AIR_HOME to a folder that can."
        ) from error
    for folder in (settings.air_home, Path("/tmp")):
        free = shutil.disk_usage(folder).free
        if free < MIN_FREE_BYTES:
            raise CannotStart(
                f"The disk of {folder} has {free // 1024**2} MB free; AIR Studio needs {MIN_FREE_BYTES // 1024**2} MB. "
                "Free some space or set AIR_HOME elsewhere."
            )
    try:
        storage.check(settings)
        registry.reach(settings)
    except (storage.StorageError, registry.RegistryError) as error:
        raise CannotStart(str(error)) from error
    if not front.port_is_free(settings.air_host, settings.air_port):
        raise CannotStart(
            f"Port {settings.air_port} on {settings.air_host} is taken by another program. Stop it, or choose "
            f"another port: AIR_PORT={settings.air_port + 100} make run"
        )
    for port in (settings.haproxy_stats_port, settings.haproxy_metrics_port, settings.fallback_port):
        if not front.port_is_free("127.0.0.1", port):
            raise CannotStart(
                f"Port {port}, which AIR Studio uses behind port {settings.air_port}, is taken by another program. "
                f"Stop it, or choose another port: AIR_PORT={settings.air_port + 100} make run"
            )
