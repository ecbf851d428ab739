"""The table model: serve run serve_deployments.breast_cancer:app --route-prefix /api/breast-cancer"""

from __future__ import annotations

from serve_deployments.predict.table import app

__all__ = ["app"]
