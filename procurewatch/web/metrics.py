"""The metrics for Prometheus, for whoever has the token."""

from __future__ import annotations

import hmac

from fastapi import APIRouter, Request, Response

from procurewatch.web.context import WebContext
from procurewatch.web.responses import ErrorResponse
from procurewatch.web.security.login import SIGN_INS_PER_MINUTE
from procurewatch.web.security.rate_limit import RateLimiter

TEXT = "text/plain; version=1.0.0; charset=utf-8"


def router(context: WebContext) -> APIRouter:
    """Return the route of the metrics."""
    routes = APIRouter()
    token, shown = context.app.settings.metrics_token, context.app.metrics
    refused = RateLimiter(SIGN_INS_PER_MINUTE)

    @routes.api_route("/metrics", methods=["GET", "HEAD"])
    def metrics(request: Request) -> Response:
        if token is None or shown is None:
            return ErrorResponse(404, "Metrics are turned off; the operator turns them on with metrics_token.")
        given = request.headers.get("authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {token.get_secret_value().strip()}".encode()):
            if not refused.allow(request.state.client):
                return ErrorResponse(429, "Too many tries; wait a minute.", {"Retry-After": "60"})
            return ErrorResponse(401, "Send the token as Authorization: Bearer.", {"WWW-Authenticate": "Bearer"})
        return Response(shown.text(context.app), media_type=TEXT, headers={"Cache-Control": "no-store"})

    return routes
