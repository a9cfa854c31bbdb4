"""Middleware around all others: the id of a request in log lines and in the response, and its metrics."""

from __future__ import annotations

import time
from uuid import uuid4

import structlog
from starlette.routing import Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from procurewatch.metrics import Metrics

log = structlog.get_logger(__name__)

HEADER = b"x-request-id"


class RequestTracker:
    """Gives each request an id, logs unexpected errors with it, and counts requests by the template of their route."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics | None) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id, began, status, is_complete = uuid4().hex[:16], time.monotonic(), 500, False

        async def send_with_id(message: Message) -> None:
            nonlocal status, is_complete
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (HEADER, request_id.encode())]
            is_complete = message["type"] == "http.response.body" and not message.get("more_body", False)
            await send(message)

        with structlog.contextvars.bound_contextvars(request=request_id):
            try:
                await self._app(scope, receive, send_with_id)
            except Exception:
                log.exception("request failed", method=scope["method"], route=_route(scope))
                if not is_complete:
                    raise  # the server closes the connection
            finally:
                self._note(scope, status, time.monotonic() - began)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = _route(scope)
        log.debug("request", method=scope["method"], route=route, status=status, seconds=round(seconds, 3))
        if self._metrics:
            self._metrics.note_page(scope["method"], route, status, seconds)


def _route(scope: Scope) -> str:
    """Return the template of a request's route, or of the SQL pages their path; "other" if it was rejected before."""
    route, mounted = scope.get("route"), str(scope.get("root_path", ""))
    if route is None or isinstance(route, Mount):
        return mounted or "other"
    return f"{mounted}{route.path}"
