"""What one process counts for Prometheus: responses of sources, and requests to the website."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Histogram, ProcessCollector, generate_latest

UPSTREAM_BUCKETS = (0.1, 0.3, 1, 3, 10, 30, 100)  # seconds; USAspending searches for up to 90
PAGE_BUCKETS = (0.005, 0.02, 0.1, 0.3, 1, 3, 10)
METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS"})


class Metrics:
    """The metrics of one process, in a registry of their own. Thread-safe."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._sources = Histogram(
            "procurewatch_source_response_seconds",
            "Time until the headers of a source's response, by this process; status 0 if none came",
            ("source", "status"),
            buckets=UPSTREAM_BUCKETS,
            registry=self._registry,
        )
        self._pages = Histogram(
            "procurewatch_http_request_seconds",
            "Time to answer a request to the website, by this process, by route template",
            ("method", "route", "status"),
            buckets=PAGE_BUCKETS,
            registry=self._registry,
        )

    def note_source_response(self, source: str, status: int, seconds: float) -> None:
        """Count a response of a source; `status` is 0 if none came."""
        self._sources.labels(source, str(status)).observe(seconds)

    def note_page(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request to the website; `route` is its template, which has few values."""
        self._pages.labels(method if method in METHODS else "other", route, str(status)).observe(seconds)

    def text(self) -> bytes:
        """Return them in Prometheus' text format."""
        return generate_latest(self._registry)
