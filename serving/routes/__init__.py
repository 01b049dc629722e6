"""One file per resource, its messages beside its handlers; each is named in the list below."""

from fastapi import APIRouter

from serving.routes import explanations, health, metrics, models, scores

ROUTERS: tuple[APIRouter, ...] = (
    scores.ROUTER,
    explanations.ROUTER,
    models.ROUTER,
    health.ROUTER,
    metrics.ROUTER,
)
