"""One file per resource, its messages beside its handlers; each is named in the list below."""

from fastapi import APIRouter

from serving.routes import (
    compat,
    explanations,
    health,
    inference,
    interactions,
    last,
    models,
    scores,
    transactions,
)

ROUTERS: tuple[APIRouter, ...] = (
    scores.ROUTER, last.ROUTER, explanations.ROUTER, transactions.ROUTER, interactions.ROUTER,
    models.ROUTER, compat.ROUTER, inference.ROUTER, health.ROUTER,
)  # fmt: skip
