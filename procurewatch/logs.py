"""Logging: structured, to stderr; for people on a terminal, as JSON lines elsewhere or when asked."""

from __future__ import annotations

import logging
import sys

import structlog


def configure_logging(form: str, level: str) -> None:
    """Send structlog's events and the libraries' warnings to stderr.

    Args:
        form: "human", "json", or "auto" for what stderr is.
        level: the least level that is shown. The libraries' own logs start at warnings: httpx writes whole addresses
            at info.
    """
    as_json = form == "json" or (form == "auto" and not sys.stderr.isatty())
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: structlog.types.Processor = (
        structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[*shared, structlog.processors.format_exc_info, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    formatter = structlog.stdlib.ProcessorFormatter(processors=[*_from_library(shared), renderer])
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)


def _from_library(shared: list[structlog.types.Processor]) -> list[structlog.types.Processor]:
    return [*shared[1:], structlog.stdlib.ProcessorFormatter.remove_processors_meta]
