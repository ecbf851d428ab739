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
# Serve's own limit is far above MAX_ONGOING, so that the application refuses excess requests with the API's errors.
SERVE_MAX_ONGOING = 100_000
HEALTH_CHECK_S = 2.0
# Otherwise Serve logs a line for each request, which costs a tenth of the answer.
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


def start(*targets: serve.RunTarget) -> None:
    """Deploy applications; returns at once."""
    serve.run_many(
        targets,
        wait_for_ingress_deployment_creation=False,
        wait_for_applications_running=False,
    )


def application(spec: ModelSpec) -> serve.Application:
    """The application of a model.

    The settings give the number of replicas of its family; a user's model has one, or as many as its load needs.
    """
    settings = get_settings()
    fewest, most = (getattr(settings, f"air_{spec.family}_replicas{end}") for end in ("", "_max"))
    if not spec.is_shipped:
        fewest = 1
    root = serve.deployment(
        import_module(f"serve_deployments.predict.{spec.family}").Replica,
        name=spec.name,
        max_ongoing_requests=SERVE_MAX_ONGOING,
        logging_config=QUIET,
        health_check_period_s=HEALTH_CHECK_S,
        ray_actor_options={"num_cpus": REPLICA_CPUS},
    )
    return root.options(**scaling.replicas(fewest, most)).bind(spec, shelf.options(name=f"{spec.name}-versions").bind())
