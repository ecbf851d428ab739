"""Every path, port, limit and switch of AIR Studio, read once from the environment.

All of them are optional. ``python -m settings`` prints the values in force.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import sys
from functools import lru_cache
from ipaddress import ip_network
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

ROOT = Path(__file__).resolve().parent


class SettingsError(ValueError):
    """An environment variable has an invalid value; str() is one sentence that names it."""


LOOPBACK_NAMES = {"localhost", "127.0.0.1", "::1", "[::1]"}
# Headers that show that a request came through a proxy.
FORWARDED = (
    "forwarded",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-port",
    "x-forwarded-server",
    "x-forwarded-ssl",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "true-client-ip",
    "cf-connecting-ip",
)

MIN_TOKEN = 16
MAX_BODY_BYTES = 20 * 1024 * 1024
MAX_UPLOAD_BYTES = 256 * 1024 * 1024
MAX_IMAGES = 64
MAX_PIXELS = 50_000_000
MAX_REQUEST_PIXELS = 64_000_000
MAX_ROWS = 10_000
# A larger number in a row is a mistake, not a measurement.
LARGEST_NUMBER = 1e30
FINITE = f"a finite number between -{LARGEST_NUMBER:g} and {LARGEST_NUMBER:g}".replace("e+", "e")


class Settings(BaseSettings):
    """The environment, typed and frozen. Field ``air_port`` reads ``AIR_PORT``, and so on."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True)

    air_home: Path = Field(ROOT / ".air", description="registry, runs, checkpoints, cache, logs")
    air_mode: Literal["local", "public"] = Field("local", description="who may reach and change what")
    air_host: str = Field("127.0.0.1", description="address the public port binds")
    air_port: int = Field(7860, ge=1024, le=60000, description="the one public port")
    air_root_path: str = Field("", description="path under which a proxy in front serves AIR Studio, like /air")
    air_storage: str | None = Field(None, description="a folder or s3://bucket/prefix; default in AIR_HOME")
    air_image_replicas: int = Field(2, ge=1, le=64, description="Serve replicas of each image model")
    air_table_replicas: int = Field(1, ge=1, le=64, description="Serve replicas of each table model")
    air_image_replicas_max: int | None = Field(None, ge=1, le=64, description="most replicas under load; default fixed")
    air_table_replicas_max: int | None = Field(None, ge=1, le=64, description="the same for table models")
    air_max_models: int = Field(8, ge=1, le=1000, description="most models, the shipped ones and those of users")
    air_engine: Literal["auto", "openvino", "torch"] = Field("auto", description="engine that runs the image network")
    air_precision: Literal["auto", "fp32", "bf16"] = Field("auto", description="number format of that engine")
    air_deadline_s: float = Field(30, gt=0, le=3600, description="time limit of a prediction, s")
    air_refresh_s: float = Field(2, ge=0.1, le=60, description="how often an open page checks for changes, s")
    air_admin_token: SecretStr | None = Field(None, description="AIR_MODE=public: the token that allows changes")
    air_admin_token_sha256: SecretStr | None = Field(None, description="or its SHA-256, as 64 hex digits")
    air_predictions_per_minute: int = Field(
        300, ge=0, description="AIR_MODE=public: predictions a minute per client; 0 is no limit"
    )
    air_requests_per_minute: int = Field(
        1200, ge=0, description="AIR_MODE=public: requests of any kind a minute per client; 0 is no limit"
    )
    air_open_requests: int = Field(
        40, ge=0, description="AIR_MODE=public: requests that a client may hold open at once; 0 is no limit"
    )
    air_trusted_proxies: str = Field(
        "127.0.0.1", description="AIR_MODE=public: networks whose X-Forwarded-For is trusted"
    )
    air_frame_ancestors: str | None = Field(
        None, description="AIR_MODE=public: sites that may show the page in a frame; default itself and Hugging Face"
    )
    air_cpus: int | None = Field(None, ge=1, description="most cores to use; default all available to this process")
    air_object_store_mb: int = Field(1024, ge=128, description="Ray object store of a local start, MiB")
    air_block_mb: int = Field(4, ge=1, le=512, description="largest block of a batch prediction, MiB")
    air_data_cpu_share: float = Field(
        0.25, ge=0, le=0.9, description="share of Ray's CPUs that training workers leave to data tasks and serving"
    )
    air_nodes_by_load: bool = Field(False, description="the cluster adds nodes for work that waits for a CPU")
    air_train_memory_mb: int = Field(0, ge=0, description="memory request of a training worker, MiB; 0: none")
    air_haproxy_stats_port: int | None = Field(None, description="loopback; default AIR_PORT+2")
    air_haproxy_metrics_port: int | None = Field(None, description="loopback; default AIR_PORT+3")
    air_fallback_port: int | None = Field(None, description="Serve's own proxy; default AIR_PORT+4")
    air_tmp: Path | None = Field(None, description="Ray's and HAProxy's sockets; default by AIR_PORT")
    cifar10_dir: Path | None = Field(None, description="CIFAR-10: Parquet, torchvision's or folders")
    mlflow_tracking_uri: str | None = Field(None, description="an MLflow server; default SQLite")
    ray_address: str | None = Field(None, description="join this Ray cluster instead of starting one")

    def folder_of(self, variable: str) -> Path | None:
        """The folder that a spec's data is in, by the name of its variable: a field here, or of the environment."""
        if variable.lower() in type(self).model_fields:
            return getattr(self, variable.lower())
        given = os.environ.get(variable)
        return Path(given).expanduser().resolve() if given else None

    @field_validator("air_home", "cifar10_dir", "air_tmp")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        return path.expanduser().resolve() if path is not None else None

    @field_validator("air_storage")
    @classmethod
    def _folder_or_address(cls, place: str | None) -> str | None:
        if place is None:
            return None
        if "://" not in place:
            return str(Path(place).expanduser().resolve())
        if not re.fullmatch(r"[a-z][a-z0-9+.-]*://[^/?#\s]+(/[^/?#\s]+)*/?", place):
            raise ValueError("a folder or an address like s3://bucket/prefix is needed")
        return place.rstrip("/")

    @field_validator("air_host")
    @classmethod
    def _loopback_unless_public(cls, host: str, info: ValidationInfo) -> str:
        if info.data.get("air_mode") == "local" and host not in LOOPBACK_NAMES:
            raise ValueError("AIR_MODE=local binds loopback only; set AIR_MODE=public as well")
        return host

    @field_validator("air_admin_token")
    @classmethod
    def _long_enough(cls, token: SecretStr | None) -> SecretStr | None:
        if token is not None and len(token.get_secret_value().strip()) < MIN_TOKEN:
            make = 'python -c "import secrets; print(secrets.token_urlsafe(32))"'
            raise ValueError(f"it must have at least {MIN_TOKEN} characters; make one with: {make}")
        return token

    @field_validator("air_admin_token_sha256")
    @classmethod
    def _digest(cls, digest: SecretStr | None) -> SecretStr | None:
        if digest is not None and not re.fullmatch("[0-9a-f]{64}", digest.get_secret_value()):
            raise ValueError("64 hex digits are needed, or set AIR_ADMIN_TOKEN")
        return digest

    @field_validator("air_image_replicas_max", "air_table_replicas_max")
    @classmethod
    def _not_fewer(cls, most: int | None, info: ValidationInfo) -> int | None:
        fewest = info.field_name.removesuffix("_max")
        if most is not None and most < info.data.get(fewest, 1):
            raise ValueError(f"it must be at least {fewest.upper()}, {info.data[fewest]}")
        return most

    @field_validator("air_trusted_proxies")
    @classmethod
    def _networks(cls, text: str) -> str:
        for network in text.split(","):
            ip_network(network.strip())  # its own message names the fault
        return text

    @field_validator("air_frame_ancestors")
    @classmethod
    def _sites(cls, text: str | None) -> str | None:
        if text is not None and not re.fullmatch(r"[\w'*:/.-]+( [\w'*:/.-]+)*", text, re.ASCII):
            raise ValueError("sites like https://studio.example are needed, with a space between them")
        return text

    @field_validator("air_root_path")
    @classmethod
    def _path_of_its_own(cls, path: str) -> str:
        if not re.fullmatch(r"(/[A-Za-z0-9._~-]+)*/?", path):
            raise ValueError("a path like /air is needed, or none")
        return path.rstrip("/")

    @field_validator("air_mode", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @property
    def admin_token_sha256(self) -> str:
        """SHA-256 of the admin's token, as hex digits; empty when there is no admin."""
        if self.air_admin_token is not None:
            return token_sha256(self.air_admin_token.get_secret_value())
        return self.air_admin_token_sha256.get_secret_value() if self.air_admin_token_sha256 else ""

    @property
    def storage(self) -> str:
        """Where checkpoints are published: a folder of this machine, or an address like s3://bucket/air."""
        return self.air_storage or str(self.air_home / "checkpoints")

    @property
    def tracking_uri(self) -> str:
        """MLflow's tracking and registry store."""
        return self.mlflow_tracking_uri or f"sqlite:///{self.air_home / 'mlflow.db'}"

    @property
    def tmp(self) -> Path:
        """Folder for sockets and session files; short, since a UNIX socket path holds 107 bytes."""
        return self.air_tmp or Path(f"/tmp/air-{os.getuid()}-{self.air_port}")

    @property
    def haproxy_stats_port(self) -> int:
        """HAProxy's statistics, on loopback."""
        return self.air_haproxy_stats_port or self.air_port + 2

    @property
    def haproxy_metrics_port(self) -> int:
        """HAProxy's own metrics, on loopback."""
        return self.air_haproxy_metrics_port or self.air_port + 3

    @property
    def fallback_port(self) -> int:
        """Serve's own proxy, behind HAProxy, on loopback."""
        return self.air_fallback_port or self.air_port + 4

    @property
    def frame_ancestors(self) -> str:
        """Sites that may show the page in a frame, for Content-Security-Policy: none in local mode."""
        if self.air_mode == "local":
            return "'none'"
        return self.air_frame_ancestors or "'self' https://huggingface.co"

    @property
    def api_url(self) -> str:
        """Where the UI of the same machine finds the API."""
        host = "127.0.0.1" if self.air_host in ("0.0.0.0", "::", "localhost") else self.air_host
        return f"http://{host}:{self.air_port}/api"


def token_sha256(token: str) -> str:
    """SHA-256 of a token, as hex digits; spaces around it do not count."""
    return hashlib.sha256(token.strip().encode()).hexdigest()


def hand_on_token(settings: Settings) -> None:
    """Replace the admin token in the environment by its SHA-256, so that child processes do not have the token."""
    if os.environ.pop("AIR_ADMIN_TOKEN", ""):
        os.environ["AIR_ADMIN_TOKEN_SHA256"] = settings.admin_token_sha256


def private_folder(folder: Path) -> Path:
    """The folder, created if missing, accessible to its owner only. Raises OSError.

    In /tmp, where anybody may have created it first, a folder of another user is refused.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.lstat().st_uid == os.getuid():
        folder.chmod(0o700)
    elif folder.is_relative_to("/tmp"):
        raise PermissionError(errno.EPERM, "it belongs to another user", str(folder))
    return folder


def available_cpus() -> int:
    """Cores this process may use by affinity, the container's quota and AIR_CPUS; at least 1."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    cores = min(cores, get_settings().air_cpus or cores)
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
    except (OSError, ValueError):
        return cores
    return cores if quota == "max" else max(1, min(cores, int(quota) // int(period)))


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The settings of this process. Raises SettingsError."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name, problem = str(first["loc"][0]).upper(), first["msg"].removeprefix("Value error, ")
        given = "" if name.startswith("AIR_ADMIN_TOKEN") else f", got {first['input']!r}"
        raise SettingsError(f"{name}: {problem}{given}.") from None


if __name__ == "__main__":
    try:
        print(get_settings().model_dump_json(indent=2))
    except SettingsError as error:
        sys.exit(f"error: {error}")
