"""Finished features as tensors: the messages of the Open Inference Protocol, and its answer."""

from math import prod
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

from contract.bundle import Bundle
from contract.models import Numbers
from contract.predictions import PREDICTIONS
from serving.frames import MOST_COLUMNS, MOST_ROWS, Cell, predict, read_frame, refuse_faults
from serving.requests import Name, point

DATATYPES = {"double": "FP64", "long": "INT64"}
INPUTS, DATA = "inputs", "data"

Parameters = SkipJsonSchema[dict[str, Any] | None]  # any are taken, and none is known


class _Asked(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def _flatten(given: Any) -> Any:
    """Return the cells of a column told as rows of one, [[1], [2]], as [1, 2]."""
    if isinstance(given, list) and all(isinstance(r, list) and len(r) == 1 for r in given):
        return [row[0] for row in given]
    return given


class InferenceInput(_Asked):
    """One feature of every row."""

    name: Name
    shape: list[int] = Field(min_length=1, max_length=2, description="[n], or [n, 1].")
    datatype: Literal["FP64", "FP32", "INT64", "INT32"]
    parameters: Parameters = None
    data: Annotated[list[Cell | None], BeforeValidator(_flatten)] = Field(
        max_length=MOST_ROWS, description="A number per row; null is what is missing."
    )


class WantedOutput(_Asked):
    """One output that is asked for."""

    name: Name
    parameters: Parameters = None


class InferenceRequest(_Asked):
    """Rows of finished features, a tensor per feature."""

    id: Name | None = None
    parameters: Parameters = None
    inputs: list[InferenceInput] = Field(min_length=1, max_length=MOST_COLUMNS)
    outputs: list[WantedOutput] | None = Field(
        None, max_length=MOST_COLUMNS, description="All, unless told."
    )


class InferenceOutput(BaseModel):
    """One output of every row."""

    name: str
    shape: list[int]
    datatype: Literal["FP64", "INT64"]
    data: list[float] = Field(description="A number per row.")


class InferenceResponse(BaseModel):
    """What a model predicts."""

    model_name: str
    model_version: str
    id: str | None = Field(None, description="As it was told.")
    outputs: list[InferenceOutput]


class InferenceError(BaseModel):
    """What went wrong."""

    error: str


def list_outputs(bundle: Bundle) -> dict[str, str]:
    """Return the datatype of each output, the one that answers the question first."""
    told = PREDICTIONS[bundle.manifest.kind]
    kinds = {told.main: told.outputs[told.main], **told.outputs}
    return {name: DATATYPES[kind] for name, kind in kinds.items() if kind in DATATYPES}


def infer(asked: InferenceRequest, bundle: Bundle) -> dict[str, Any]:
    """Return what the model predicts of the rows, as the protocol has it."""
    kinds = list_outputs(bundle)
    wanted = [output.name for output in asked.outputs or ()] or list(kinds)
    expected = f"One of {', '.join(kinds)} is expected."
    refuse_faults(
        point(("outputs", i), "unknown_output", expected)
        for i, name in enumerate(wanted)
        if name not in kinds
    )
    told = predict(bundle, read_frame(bundle, _read(asked), (INPUTS,)), (INPUTS,))
    outputs = [
        {"name": n, "shape": [len(told[n])], "datatype": kinds[n], "data": told[n]}
        for n in dict.fromkeys(wanted)
    ]
    said = {} if asked.id is None else {"id": asked.id}
    return {"model_name": bundle.target, "model_version": bundle.version, **said,
            "outputs": outputs}  # fmt: skip


def _read(asked: InferenceRequest) -> dict[str, Numbers]:
    rows = len(asked.inputs[0].data)
    faults = [
        point((INPUTS, i, *place), code, expected)
        for i, tensor in enumerate(asked.inputs)
        for place, code, expected in _find_faults(tensor, rows)
    ]
    if len({tensor.name for tensor in asked.inputs}) != len(asked.inputs):
        faults.append(point((INPUTS,), "told_twice", "Each name once is expected."))
    refuse_faults(faults)
    return {tensor.name: np.array(tensor.data, dtype=np.float64) for tensor in asked.inputs}


def _find_faults(tensor: InferenceInput, rows: int) -> list[tuple[tuple[str], str, str]]:
    faults: list[tuple[tuple[str], str, str]] = []
    if len(tensor.data) != rows or not rows:
        faults.append(((DATA,), "wrong_length", "As many numbers, and one at least, are expected."))
    if prod(tensor.shape) != len(tensor.data) or tensor.shape[0] != len(tensor.data):
        faults.append((("shape",), "wrong_shape", "[n], or [n, 1], of n rows is expected."))
    whole = tensor.datatype.startswith("INT")
    if whole and any(n is not None and n != int(n) for n in tensor.data):
        faults.append(((DATA,), "not_whole", "Whole numbers are expected of this datatype."))
    return faults
