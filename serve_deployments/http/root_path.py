"""Paths as they were meant, and where the API stands for those who ask: behind a proxy, under a path of its site.

Not run by itself. Such a proxy takes its prefix away before it passes a request on; links that an
application writes must have it (``AIR_ROOT_PATH``).
"""

from __future__ import annotations

from typing import Any


class PlainPath:
    """ASGI middleware: a path with slashes at its end is the one without, and HEAD asks for what GET would get."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Pass the request on; of what answers HEAD only status and headers go back."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"].rstrip("/") if scope["path"] != scope.get("root_path", "") + "/" else scope["path"]
        is_head = scope["method"] == "HEAD"

        async def send_head(message: dict[str, Any]) -> None:
            await send(message | {"body": b""} if is_head and "body" in message else message)

        await self._app(scope | {"path": path, "method": "GET" if is_head else scope["method"]}, receive, send_head)


class RootPath:
    """ASGI middleware: gives the prefix back to the path, so that everything behind it writes right links."""

    def __init__(self, app: Any, prefix: str) -> None:
        self._app = app
        self._prefix = prefix

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Pass the request on as the client's own address has it."""
        if self._prefix and "path" in scope:
            root_path = self._prefix + scope.get("root_path", "")
            scope = scope | {"path": self._prefix + scope["path"], "root_path": root_path}
        await self._app(scope, receive, send)
