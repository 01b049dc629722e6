"""What a Prometheus server reads: requests by route, their seconds, and records by outcome."""

import os

from fastapi import APIRouter
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.responses import Response

ROUTER = APIRouter(include_in_schema=False)

REQUESTS = Counter(
    "requests", "Requests answered.", ("method", "route", "status"), namespace="patron"
)
SECONDS = Histogram(
    "request_seconds",
    "Seconds from a request's first byte to its answer.",
    ("route",),
    namespace="patron",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
RECORDS = Counter("records", "Records answered.", ("status",), namespace="patron")

METHODS = ("GET", "POST")


def count_request(method: str, route: str | None, status: int, seconds: float) -> None:
    """Count one request; a made-up method or path is `other`, so that none can fill the memory."""
    route = route or "other"
    REQUESTS.labels(method if method in METHODS else "other", route, str(status)).inc()
    SECONDS.labels(route).observe(seconds)


@ROUTER.get("/metrics")
def get_metrics() -> Response:
    """Return the counts of all workers in Prometheus' text form."""
    registry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return Response(generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})
