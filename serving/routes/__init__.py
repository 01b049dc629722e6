"""One file per resource, its messages beside its handlers; each is named in the list below."""

from fastapi import APIRouter

from serving.routes import health, models, scores

ROUTERS: tuple[APIRouter, ...] = (scores.ROUTER, models.ROUTER, health.ROUTER)
