"""HAProxy in front of Serve: one public port, everything else on loopback, a page while starting.

Ray Serve runs HAProxy itself; this package configures it through the environment, before Ray starts.
"""

from serve_deployments.front.haproxy import environment, haproxy_serves, prepare
from serve_deployments.front.ownership import claim, port_is_free, stop_orphans
from serve_deployments.front.replacements import StandIn, StartingPage
from serve_deployments.front.rules import FILES_PER_REQUEST, VISITOR

__all__ = [
    "FILES_PER_REQUEST",
    "VISITOR",
    "StandIn",
    "StartingPage",
    "claim",
    "environment",
    "haproxy_serves",
    "port_is_free",
    "prepare",
    "stop_orphans",
]
