"""Predict from finished features, asked as MLflow's scoring server is asked."""

import asyncio
import json
from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter
from pydantic import BaseModel, Field
from pydantic.json_schema import SkipJsonSchema
from starlette.requests import Request
from starlette.responses import Response

from contract.bundle import Bundle
from contract.models import Numbers
from contract.predictions import PREDICTIONS
from serving.frames import (
    MOST_COLUMNS,
    MOST_ROWS,
    Cell,
    Place,
    predict,
    read_frame,
    refuse_faults,
)
from serving.requests import Name, point, read_form, require_json
from serving.routes.metrics import RECORDS
from serving.routes.models import find_bundle
from serving.routes.records import Asked

ROUTER = APIRouter(tags=["compatibility"])

SPLIT, RECORDS_OF, INSTANCES = "dataframe_split", "dataframe_records", "instances"

Cells = Annotated[list[Cell | None], Field(max_length=MOST_COLUMNS)]
Row = Annotated[dict[Name, Cell | None], Field(max_length=MOST_COLUMNS)]
Rows = Annotated[list[Row], Field(min_length=1, max_length=MOST_ROWS)]


class Split(Asked):
    """Rows of features as pandas tells them split: the names once, then the numbers."""

    columns: list[Name] = Field(min_length=1, max_length=MOST_COLUMNS)
    index: SkipJsonSchema[list[Any] | None] = Field(None, max_length=MOST_ROWS)
    data: list[Cells] = Field(
        min_length=1, max_length=MOST_ROWS, description="A list per row; null is what is missing."
    )


class Invocations(Asked):
    """Rows of finished features, in one of three forms."""

    dataframe_split: Split | None = None
    dataframe_records: Rows | None = Field(None, description="An object of features per row.")
    instances: Rows | None = Field(None, description="The same as dataframe_records.")


class Predictions(BaseModel):
    """What is predicted, in the order of the rows."""

    predictions: list[float] = Field(
        description="The probability, or of lifetime value the money predicted."
    )


_BODY = {
    "required": True,
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Invocations"}}},
}


@ROUTER.post(
    "/v1/compat/{target}/invocations",
    response_model=Predictions,
    operation_id="invokeModel",
    openapi_extra={"requestBody": _BODY},
)
async def post_invocations(request: Request, target: str) -> Response:
    """Return what the model predicts of 1 to 1000 rows of finished features."""
    require_json(request)
    bundle = find_bundle(request, target)
    return await asyncio.to_thread(_respond, await request.body(), bundle)


def _respond(body: bytes, bundle: Bundle) -> Response:
    told = invoke(read_form(Invocations, body), bundle)
    RECORDS.labels("ok").inc(len(told))
    return Response(
        json.dumps({"predictions": told}, allow_nan=False), media_type="application/json"
    )


def invoke(asked: Invocations, bundle: Bundle) -> list[float]:
    """Return what the model predicts of each row."""
    names = [n for n in (SPLIT, RECORDS_OF, INSTANCES) if getattr(asked, n) is not None]
    if len(names) != 1:
        expected = f"One of {SPLIT}, {RECORDS_OF}, {INSTANCES} is expected."
        refuse_faults([point((), "not_one_form", expected)])
    (form,) = names
    split = asked.dataframe_split
    told = _turn_rows(getattr(asked, form)) if split is None else _turn_split(split)
    place: Place = (form,) if split is None else (form, "columns")
    columns = read_frame(bundle, told, place)
    rows: Place = (form,) if split is None else (form, "data")
    told_of = predict(bundle, columns, rows)
    predicted: list[float] = told_of[PREDICTIONS[bundle.manifest.kind].main]
    return predicted


def _turn_split(split: Split) -> dict[str, Numbers]:
    width = len(split.columns)
    expected = f"As many numbers as columns, {width}, are expected."
    refuse_faults(
        point((SPLIT, "data", i), "wrong_length", expected)
        for i, row in enumerate(split.data)
        if len(row) != width
    )
    if len(set(split.columns)) != width:
        refuse_faults([point((SPLIT, "columns"), "told_twice", "Each name once is expected.")])
    table = np.array(split.data, dtype=np.float64)  # None becomes NaN
    return {name: table[:, i] for i, name in enumerate(split.columns)}


def _turn_rows(rows: Sequence[dict[str, float | None]]) -> dict[str, Numbers]:
    names = dict.fromkeys(name for row in rows for name in row)
    if not names:
        refuse_faults([point((), "missing", "Features by their names are expected.")])
    return {name: np.array([row.get(name) for row in rows], dtype=np.float64) for name in names}
