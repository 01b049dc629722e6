"""Predict from finished features by the Open Inference Protocol, version 2."""

import asyncio
import json
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from contract.bundle import Bundle
from serving.problems import RefusalError
from serving.requests import read_form, require_json
from serving.routes.health import find_scorer
from serving.routes.metrics import RECORDS
from serving.routes.models import find_bundle
from serving.tensors import InferenceRequest, InferenceResponse, infer, list_outputs

ROUTER = APIRouter(tags=["open inference protocol"])

MODEL = "/v2/models/{model}"
VERSION = f"{MODEL}/versions/{{version}}"
PLATFORM = "patron_bundle"


class Server(BaseModel):
    """What serves."""

    name: str = "patron"
    version: str = "1"
    extensions: list[str] = []


class ServerLive(BaseModel):
    """That the process runs."""

    live: bool = True


class ServerReady(BaseModel):
    """That models are loaded."""

    ready: bool = True


class ModelReady(BaseModel):
    """That a model is loaded."""

    name: str
    ready: bool = True


class Tensor(BaseModel):
    """A tensor's name, type and shape, in which -1 is any number of rows."""

    name: str
    datatype: str
    shape: list[int] = [-1]


class ModelMetadata(BaseModel):
    """What a model reads and tells."""

    name: str
    versions: list[str]
    platform: str = PLATFORM
    inputs: list[Tensor]
    outputs: list[Tensor]


_BODY = {
    "required": True,
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/InferenceRequest"}}},
}
_INFER: dict[str, Any] = {
    "response_model": InferenceResponse,
    "openapi_extra": {"requestBody": _BODY},
}


@ROUTER.get("/v2", response_model=Server, operation_id="getServer")
async def get_server() -> Any:
    """Return what serves."""
    return Server()


@ROUTER.get("/v2/health/live", response_model=ServerLive, operation_id="getServerLive")
async def get_server_live() -> Any:
    """Return that the process runs."""
    return ServerLive()


@ROUTER.get(
    "/v2/health/ready",
    response_model=ServerReady,
    responses={503: {}},
    operation_id="getServerReady",
)
async def get_server_ready(request: Request) -> Any:
    """Return that models are loaded, or 503."""
    find_scorer(request)
    return ServerReady()


@ROUTER.get(MODEL, response_model=ModelMetadata, operation_id="getModelMetadata")
async def get_model_metadata(request: Request, model: str) -> Any:
    """Return what the model reads and tells."""
    return _describe(find_bundle(request, model))


@ROUTER.get(VERSION, response_model=ModelMetadata, operation_id="getVersionMetadata")
async def get_version_metadata(request: Request, model: str, version: str) -> Any:
    """Return what the version of the model reads and tells."""
    return _describe(_find_version(request, model, version))


@ROUTER.get(f"{MODEL}/ready", response_model=ModelReady, operation_id="getModelReady")
async def get_model_ready(request: Request, model: str) -> Any:
    """Return that the model is loaded."""
    return ModelReady(name=find_bundle(request, model).target)


@ROUTER.get(f"{VERSION}/ready", response_model=ModelReady, operation_id="getVersionReady")
async def get_version_ready(request: Request, model: str, version: str) -> Any:
    """Return that the version of the model is loaded."""
    return ModelReady(name=_find_version(request, model, version).target)


@ROUTER.post(f"{MODEL}/infer", operation_id="inferByModel", **_INFER)
async def post_infer(request: Request, model: str) -> Response:
    """Return what the model predicts of 1 to 1000 rows of finished features."""
    return await _infer(request, find_bundle(request, model))


@ROUTER.post(f"{VERSION}/infer", operation_id="inferByVersion", **_INFER)
async def post_version_infer(request: Request, model: str, version: str) -> Response:
    """Return what the version of the model predicts of 1 to 1000 rows of finished features."""
    return await _infer(request, _find_version(request, model, version))


async def _infer(request: Request, bundle: Bundle) -> Response:
    require_json(request)
    return await asyncio.to_thread(_respond, await request.body(), bundle)


def _respond(body: bytes, bundle: Bundle) -> Response:
    told = infer(read_form(InferenceRequest, body), bundle)
    RECORDS.labels("ok").inc(len(told["outputs"][0]["data"]))
    return Response(json.dumps(told, allow_nan=False), media_type="application/json")


def _find_version(request: Request, model: str, version: str) -> Bundle:
    bundle = find_bundle(request, model)
    if bundle.version != version:
        raise RefusalError("unknown_model", f"The version here is {bundle.version}.")
    return bundle


def _describe(bundle: Bundle) -> ModelMetadata:
    return ModelMetadata(
        name=bundle.target,
        versions=[bundle.version],
        inputs=[Tensor(name=name, datatype="FP64") for name in bundle.frame],
        outputs=[Tensor(name=n, datatype=kind) for n, kind in list_outputs(bundle).items()],
    )
