"""The image model: serve run serve_deployments.cifar10:app --route-prefix /api/cifar10"""

from __future__ import annotations

from serve_deployments.predict.image import app

__all__ = ["app"]
