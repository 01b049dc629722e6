"""The models that answer: what each foretells, how well, from which data, by which features."""

from datetime import datetime
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.requests import Request

from contract.bundle import Bundle
from serving.problems import Problem
from serving.routes.health import find_scorer

ROUTER = APIRouter(tags=["models"])


class Entry(BaseModel):
    """One feature in the data dictionary."""

    name: str
    meaning: str
    unit: str
    made_of: str
    window: str
    missing: str


class Model(BaseModel):
    """One model that answers."""

    target: str
    meaning: str
    version: str
    sha256: str = Field(description="Of the manifest, which names the sha256 of every other file.")
    family: str
    horizon_days: int
    as_of: datetime = Field(description="Where the data it was trained on ends.")
    metrics: dict[str, float]
    inputs: list[str] = Field(description="The features the model reads, in its order.")
    features: list[Entry]


class Models(BaseModel):
    """Every model that answers."""

    models: list[Model]


@ROUTER.get(
    "/v1/models",
    response_model=Models,
    responses={503: {"model": Problem}},
    operation_id="listModels",
)
async def get_models(request: Request) -> Any:
    """Return the models that answer."""
    return Models(models=[describe_bundle(b) for b in find_scorer(request).bundles.values()])


def describe_bundle(bundle: Bundle) -> Model:
    """Return what a caller may know of a bundle."""
    manifest = bundle.manifest
    return Model(
        target=manifest.target,
        meaning=manifest.meaning,
        version=bundle.version,
        sha256=bundle.sha256,
        family=manifest.family,
        horizon_days=manifest.horizon_days,
        as_of=manifest.as_of,
        metrics=manifest.metrics,
        inputs=list(manifest.inputs),
        features=[Entry.model_validate(entry) for entry in bundle.entries],
    )
