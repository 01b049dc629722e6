"""One file per resource, its messages beside its handlers; each is named in the list below."""

from fastapi import APIRouter

from serving.routes import (
    compat,
    health,
    inference,
    interactions,
    last,
    metrics,
    models,
    scores,
    transactions,
)

ROUTERS: tuple[APIRouter, ...] = (
    scores.ROUTER, last.ROUTER, transactions.ROUTER, interactions.ROUTER, models.ROUTER,
    compat.ROUTER, inference.ROUTER, health.ROUTER, metrics.ROUTER,
)  # fmt: skip
