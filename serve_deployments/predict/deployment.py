"""A model's application as Ray Serve runs it: replicas of its root, and a shelf for other versions.

serve run serve_deployments.cifar10:app --route-prefix /api/cifar10
"""

from __future__ import annotations

from importlib import import_module

from ray import serve
from ray.serve.schema import LoggingConfig

from models.specs import ModelSpec
from serve_deployments.predict import scaling
from serve_deployments.predict.loaded import VersionShelf
from settings import get_settings

REPLICA_CPUS = 0.1
# Serve's own limit lies far above MAX_ONGOING: what is too much is refused by the application, in the API's own words.
SERVE_MAX_ONGOING = 100_000
HEALTH_CHECK_S = 2.0
# Serve writes a line for each request otherwise, a tenth of what answering it costs.
QUIET = LoggingConfig(enable_access_log=False, log_level="WARNING")

shelf = serve.deployment(
    VersionShelf,
    name="versions",
    max_ongoing_requests=16,
    max_queued_requests=64,
    ray_actor_options={"num_cpus": REPLICA_CPUS},
    autoscaling_config={
        "min_replicas": 0,
        "initial_replicas": 0,
        "max_replicas": 1,
        "upscale_delay_s": 0,
        "downscale_delay_s": 600,
    },
)


def application(spec: ModelSpec) -> serve.Application:
    """The application of a model, with as many replicas as the settings say for its family."""
    settings = get_settings()
    fewest, most = (getattr(settings, f"air_{spec.family}_replicas{end}") for end in ("", "_max"))
    root = serve.deployment(
        import_module(f"serve_deployments.predict.{spec.family}").Replica,
        name=spec.name,
        max_ongoing_requests=SERVE_MAX_ONGOING,
        logging_config=QUIET,
        health_check_period_s=HEALTH_CHECK_S,
        ray_actor_options={"num_cpus": REPLICA_CPUS},
    )
    return root.options(**scaling.replicas(fewest, most)).bind(spec, shelf.options(name=f"{spec.name}-versions").bind())
