"""What monitors ask: whether the process lives, whether it can answer, and whether each source is polled."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import anyio
import anyio.to_thread
import structlog
from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from sqlalchemy.exc import SQLAlchemyError

from feeds.entries.source_health import describe_trouble, future_events_line
from procurewatch.web.context import WebContext
from procurewatch.web.responses import CROSS_ORIGIN, preflight
from procurewatch.web.security.guard import RETRY_SECONDS
from storage.alerts.subscriptions import disabled_subscriptions
from storage.database import server_time
from storage.errors import describe_error
from storage.reading.records import load_publication_version
from storage.reading.source_health import SourceHealth, count_future_events, load_health

log = structlog.get_logger(__name__)

READ = ["GET", "HEAD"]
PATHS = ("/health", "/health/live", "/health/ready", "/health/sources/{name}")
MAX_NUMBERS = 10  # of alerts that are named
SECONDS = 5  # after which a database that does not answer counts as away


def router(context: WebContext) -> APIRouter:
    """Return the routes of health. They have threads of their own, so that no slow page can block them."""
    routes = APIRouter()
    threads = anyio.CapacityLimiter(4)

    async def answer(name: str, look: Callable[[], Response]) -> Response:
        try:
            with anyio.move_on_after(SECONDS):
                return await anyio.to_thread.run_sync(look, limiter=threads, abandon_on_cancel=True)
            reason = f"the database has not answered within {SECONDS} seconds"
        except SQLAlchemyError as error:
            reason = "the database cannot be read"
            log.warning(reason, reason=describe_error(error))
        return _answer({name: False, "problem": reason}, 503, {"Retry-After": RETRY_SECONDS})

    @routes.api_route("/health/live", methods=READ)
    async def live() -> Response:
        """Whether the process answers at all: restart it if not."""
        return _answer({"live": True})

    @routes.api_route("/health/ready", methods=READ)
    async def ready() -> Response:
        """Whether pages can be answered now: the database can be read."""
        return await answer("ready", lambda: _ready(context))

    @routes.api_route("/health", methods=READ)
    async def health() -> Response:
        """Whether each source is available now, and each alert can be sent."""
        return await answer("ok", lambda: _all_sources(context))

    @routes.api_route("/health/sources/{name}", methods=READ)
    async def source(name: str) -> Response:
        """Whether one source is available, also as the status of the response: 200 or 503."""
        return await answer("ok", lambda: _one_source(context, name))

    for path in PATHS:
        routes.add_api_route(path, preflight, methods=["OPTIONS"])
    return routes


def _answer(content: dict[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse(content, status, {"Cache-Control": "no-store", **CROSS_ORIGIN, **(headers or {})})


def _ready(context: WebContext) -> Response:
    with context.database.reading() as session:
        load_publication_version(session)
    return _answer({"ready": True, "problem": ""})


def _all_sources(context: WebContext) -> Response:
    with context.database.reading() as session:
        found = [load_health(session, name, limit) for name, limit in context.app.silences.items()]
        future = future_events_line(count_future_events(session, server_time(session)))
        disabled = [alert.id for alert in disabled_subscriptions(session)]
    sources = [_source(context, health) for health in found]
    problem = "; ".join(filter(None, (future, _disabled_line(disabled))))
    is_ok = not problem and not any(source["problem"] for source in sources)
    return _answer({"ok": is_ok, "problem": problem, "disabled_alerts": disabled, "sources": sources})


def _disabled_line(numbers: Sequence[int]) -> str:
    """Return that alerts are disabled, by number: what they are about and where they go is for the operator only."""
    if not numbers:
        return ""
    shown = ", ".join(map(str, numbers[:MAX_NUMBERS])) + (" and others" if len(numbers) > MAX_NUMBERS else "")
    state = "alert {} is" if len(numbers) == 1 else "alerts {} are"
    return f"{state.format(shown)} disabled, because messages could not be sent"


def _one_source(context: WebContext, name: str) -> Response:
    if name not in context.app.silences:
        return _answer({"source": name, "problem": "there is no such source, or it is disabled"}, 404)
    with context.database.reading() as session:
        source = _source(context, load_health(session, name, context.app.silences[name]))
    return _answer(source, 503 if source["problem"] else 200)


def _source(context: WebContext, health: SourceHealth) -> dict[str, Any]:
    return {
        "source": health.source,
        "title": context.app.source_titles[health.source],
        "last_good": health.last_good.isoformat() if health.last_good else None,
        "problem": describe_trouble(health),
    }
