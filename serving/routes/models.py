"""Which models answer: what they foretell, how well, from which data, by which features."""

from datetime import datetime
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.requests import Request

from contract.bundle import Bundle
from serving.problems import RefusalError
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
    grade: str | None = Field(None, description="A, B or C by the rule in the report, if graded.")
    metrics: dict[str, float]
    inputs: list[str] = Field(description="The features the model reads, in its order.")
    features: list[Entry] = Field(description="What each of its features means.")


class Models(BaseModel):
    """Every model that answers."""

    models: list[Model]


@ROUTER.get(
    "/v1/models",
    response_model=Models,
    response_model_exclude_none=True,
    operation_id="listModels",
)
async def get_models(request: Request) -> Any:
    """Return the models that answer."""
    return Models(models=[describe_bundle(b) for b in find_scorer(request).bundles.values()])


@ROUTER.get(
    "/v1/models/{target}",
    response_model=Model,
    response_model_exclude_none=True,
    operation_id="getModel",
)
async def get_model(request: Request, target: str) -> Any:
    """Return the model that answers for a target."""
    return describe_bundle(find_bundle(request, target))


def find_bundle(request: Request, target: str) -> Bundle:
    """Return the bundle that answers for the target, or refuse and say which there are."""
    bundles = find_scorer(request).bundles
    if target not in bundles:
        raise RefusalError("unknown_model", f"The models here are {', '.join(bundles)}.")
    return bundles[target]


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
        grade=manifest.grade,
        metrics=manifest.metrics,
        inputs=list(manifest.inputs),
        features=[Entry.model_validate(entry) for entry in bundle.entries],
    )
