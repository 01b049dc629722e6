"""One file per resource, its messages beside its handlers; each is named in the list below."""

from fastapi import APIRouter

from serving.routes import (
    compat,
    explanations,
    health,
    hooks,
    inference,
    interactions,
    jobs,
    last,
    models,
    movements,
    new_jobs,
    privacy,
    replays,
    scores,
    transactions,
)

ROUTERS: tuple[APIRouter, ...] = (
    scores.ROUTER, last.ROUTER, explanations.ROUTER, replays.ROUTER, movements.ROUTER,
    transactions.ROUTER, interactions.ROUTER, new_jobs.ROUTER, jobs.ROUTER, models.ROUTER,
    hooks.ROUTER, privacy.ROUTER, compat.ROUTER, inference.ROUTER, health.ROUTER,
)  # fmt: skip
