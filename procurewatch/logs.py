"""Structured logging to stderr: readable on a terminal, otherwise JSON lines. Tracebacks go to the debug log."""

from __future__ import annotations

import logging
import re
import sys
import tempfile
import traceback
from collections.abc import Iterable
from logging.handlers import RotatingFileHandler
from pathlib import Path
from urllib.parse import quote

import structlog

from storage.errors import describe_error

LOG_NAME = "debug.log"  # in the data folder
MAX_LOG_SIZE = 1_000_000  # bytes; one earlier file is kept


class DebugLog:
    """Where tracebacks go: to a file in `folder`, or to stderr if `is_shown`, without the `secrets` in them."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.gettempdir())
        self.is_shown = False
        self._secrets: re.Pattern[str] | None = None

    def hide(self, secrets: Iterable[str]) -> None:
        """Replace these keys and passwords in what is written from now on, as they are and as parts of URLs."""
        forms = {form for secret in secrets if secret for form in (secret, quote(secret), quote(secret, safe=""))}
        longest_first = sorted(map(re.escape, forms), key=len, reverse=True)
        self._secrets = re.compile("|".join(longest_first)) if forms else None

    def redact(self, text: str) -> str:
        """Return a text without the secrets."""
        return self._secrets.sub("[secret]", text) if self._secrets else text

    def write(self, error: BaseException) -> str:
        """Write an exception's traceback; return the end of a message that says where it is."""
        text = self.redact("".join(traceback.format_exception(error)))
        if self.is_shown:
            sys.stderr.write(text)
            return ""
        for folder in (self.folder, Path(tempfile.gettempdir())):
            try:
                _append(folder / LOG_NAME, text)
            except OSError:
                continue
            return f"; the details are in {folder / LOG_NAME}"
        return "; --debug shows the details"


DEBUG_LOG = DebugLog()


def configure_logging(form: str, level: str) -> None:
    """Send structlog's events and the libraries' warnings to stderr.

    Args:
        form: "human", "json", or "auto" to choose by whether stderr is a terminal.
        level: the minimum level. Libraries log warnings only, because httpx logs whole URLs at info.
    """
    as_json = form == "json" or (form == "auto" and not sys.stderr.isatty())
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _move_traceback,
    ]
    renderer: structlog.types.Processor = (
        structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[*shared, renderer],
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
    # It warns at every tick of `run` while a poll takes longer than a tick, as most polls do.
    logging.getLogger("apscheduler.scheduler").setLevel(logging.ERROR)


def _move_traceback(
    _logger: structlog.types.WrappedLogger, _method: str, event: structlog.types.EventDict
) -> structlog.types.EventDict:
    """Move the exception of a log line to the debug log; the line keeps its type and message."""
    given = event.pop("exc_info", None)
    error = given[1] if isinstance(given, tuple) else given if isinstance(given, BaseException) else sys.exception()
    if given and isinstance(error, BaseException):
        event["error"] = DEBUG_LOG.redact(describe_error(error)) + DEBUG_LOG.write(error)
    return event


def _append(file: Path, text: str) -> None:
    handler = RotatingFileHandler(
        file, maxBytes=MAX_LOG_SIZE, backupCount=1, encoding="utf-8", errors="backslashreplace"
    )
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    try:
        handler.emit(logging.LogRecord("procurewatch", logging.ERROR, "", 0, text, None, None))
    finally:
        handler.close()


def _from_library(shared: list[structlog.types.Processor]) -> list[structlog.types.Processor]:
    return [*shared, structlog.stdlib.ProcessorFormatter.remove_processors_meta]
