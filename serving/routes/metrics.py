"""What a Prometheus server reads on the inner port: requests, seconds, records, models."""

import os
from collections.abc import Iterator
from typing import Any, NamedTuple

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram, start_http_server
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector

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
REFUSALS = Counter("model_refusals", "Times that models were refused.", namespace="patron")

METHODS = ("GET", "POST")


class Models(NamedTuple):
    """What the state says of the models that answer, for a registry to collect."""

    state: Any

    def collect(self) -> Iterator[Metric]:
        """Yield each model that answers, and whether newer ones may be amiss."""
        info = GaugeMetricFamily(
            "patron_model_info", "1 for each model that answers.", labels=("target", "version")
        )
        scorer = self.state.scorer
        for bundle in scorer.bundles.values() if scorer else ():
            info.add_metric((bundle.target, bundle.version), 1)
        yield info
        stale = bool(scorer and self.state.reasons)
        yield GaugeMetricFamily(
            "patron_models_stale", "1 while these may not be the champions; see /readyz.", stale
        )


def count_request(method: str, route: str | None, status: int, seconds: float) -> None:
    """Count one request; a made-up method or path is `other`, so that none can fill the memory."""
    route = route or "other"
    REQUESTS.labels(method if method in METHODS else "other", route, str(status)).inc()
    SECONDS.labels(route).observe(seconds)


def gather_metrics(state: Any) -> CollectorRegistry:
    """Return the counts of all workers, and the models of this one."""
    registry = CollectorRegistry()
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    else:
        registry.register(REGISTRY)
    registry.register(Models(state))
    return registry


def open_metrics(host: str, port: int, state: Any) -> None:
    """Answer GET /metrics in Prometheus' text form, in a thread, on a port of its own."""
    start_http_server(port, host, gather_metrics(state))
