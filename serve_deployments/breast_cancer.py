"""A model that ships, for Serve: serve run serve_deployments.breast_cancer:app --route-prefix /api/breast-cancer"""

from __future__ import annotations

from models import specs
from serve_deployments.predict.deployment import application

app = application(specs.get("breast-cancer"))
