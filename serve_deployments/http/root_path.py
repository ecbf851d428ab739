"""Paths of requests: trailing slashes, HEAD, and the prefix of a proxy that serves the app under a path.

Such a proxy removes its prefix before it passes a request on, but the links that an application writes
must have it (``AIR_ROOT_PATH``).
"""

from __future__ import annotations

from typing import Any


class PlainPath:
    """ASGI middleware: ignores slashes at the end of a path, and answers HEAD like GET without the body."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Pass the request on; a HEAD request gets only status and headers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"].rstrip("/") if scope["path"] != scope.get("root_path", "") + "/" else scope["path"]
        is_head = scope["method"] == "HEAD"

        async def send_head(message: dict[str, Any]) -> None:
            await send(message | {"body": b""} if is_head and "body" in message else message)

        await self._app(scope | {"path": path, "method": "GET" if is_head else scope["method"]}, receive, send_head)


class RootPath:
    """ASGI middleware: puts the prefix back before the path, so that everything behind it writes correct links."""

    def __init__(self, app: Any, prefix: str) -> None:
        self._app = app
        self._prefix = prefix

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Pass the request on with the path that the client requested."""
        if self._prefix and "path" in scope:
            root_path = self._prefix + scope.get("root_path", "")
            scope = scope | {"path": self._prefix + scope["path"], "root_path": root_path}
        await self._app(scope, receive, send)
