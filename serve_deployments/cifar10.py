"""A model that ships, for Serve: serve run serve_deployments.cifar10:app --route-prefix /api/cifar10"""

from __future__ import annotations

from models import specs
from serve_deployments.predict.deployment import application

app = application(specs.get("cifar10"))
