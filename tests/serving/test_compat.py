"""Callers with finished features: MLflow's form, and the Open Inference Protocol."""

import asyncio
import json
import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import httpx
import numpy as np
import pytest
from prometheus_client import generate_latest

from contract.bundle import Bundle
from contract.linear import Logistic
from contract.predictions import PREDICTIONS
from contract.pyfunc import Predictor
from serving.routes.front import Front
from serving.routes.metrics import gather_metrics
from serving.routes.web import make_app
from serving.scorer import Scorer
from tests.serving.bundles import LINE_INPUTS, PRIORS, TREE_INPUTS
from tests.serving.choices import make_choice
from tests.serving.running import assert_problem, parse

CHURN, NEXT = "/v1/compat/churn/invocations", "/v1/compat/next_purchase/invocations"
INFER = "/v2/models/churn/infer"
ROWS = [
    [5.0, 9.0, 250.5, 30.25, 2.0],
    [200.0, 1.0, 19.0, None, 0.0],
    [400.0, 0.0, 0.0, 12.0, 0.0],
    [None, 0.0, 0.0, None, 0.0],
]
SPLIT = {"columns": list(TREE_INPUTS), "data": ROWS}
RECORDS = [dict(zip(TREE_INPUTS, row, strict=True)) for row in ROWS]
SECRET = "Jane-Doe-4711"

Call = Callable[..., httpx.Response]


def serve(scorer: Scorer | None) -> Call:
    app = make_app()
    app.state.scorer = scorer

    def call(method: str, path: str, **more: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            link = httpx.ASGITransport(app=Front(app, app), raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=link, base_url="http://127.0.0.1") as client:
                return await client.request(method, path, **more)

        return asyncio.run(ask())

    return call


@pytest.fixture(scope="module")
def call(scorer: Scorer) -> Call:
    return serve(scorer)


@pytest.fixture(scope="module")
def expected(scorer: Scorer) -> dict[str, list[Any]]:
    """What MLflow would say of the rows."""
    import pandas as pd

    frame = pd.DataFrame(ROWS, columns=list(TREE_INPUTS), dtype=float)
    told = Predictor(scorer.bundles["churn"]).predict(frame)
    return {name: told[name].tolist() for name in told}


def post(call: Call, path: str, content: Any) -> httpx.Response:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return call("POST", path, content=body, headers={"content-type": "application/json"})


def tensors(rows: list[list[float | None]], names: tuple[str, ...] = TREE_INPUTS) -> list[Any]:
    return [
        {"name": n, "shape": [len(rows)], "datatype": "FP64", "data": [row[i] for row in rows]}
        for i, n in enumerate(names)
    ]


@pytest.mark.parametrize(
    "asked",
    [
        {"dataframe_split": SPLIT},
        {"dataframe_split": SPLIT | {"index": [7, 8, 9, 10]}},
        {"dataframe_records": RECORDS},
        {"instances": RECORDS},
        {"dataframe_split": {"columns": SPLIT["columns"][::-1], "data": [r[::-1] for r in ROWS]}},
    ],
    ids=["split", "with an index", "records", "instances", "in another order"],
)
def test_predictions_are_those_of_mlflow_in_the_order_of_the_rows(
    call: Call, expected: dict[str, list[Any]], asked: Any
) -> None:
    answer = post(call, CHURN, asked)
    assert answer.status_code == 200, answer.text
    told = parse(answer.text)
    assert list(told) == ["predictions"]
    assert told["predictions"] == expected["probability"]
    assert told["predictions"][2:] == [PRIORS.lapsed, PRIORS.prospect]
    assert all(math.isfinite(p) for p in told["predictions"])


def test_a_row_that_lacks_what_may_be_missing_is_answered(call: Call) -> None:
    rows = [{"orders_365d": 9, "spend_365d": 250.5, "visits_30d": 2}]
    assert parse(post(call, CHURN, {"instances": rows}).text) == {"predictions": [PRIORS.prospect]}


def test_a_thousand_rows_are_answered_and_no_more(call: Call) -> None:
    many = {"columns": list(LINE_INPUTS), "data": [[5, 2]] * 1000}
    told = parse(post(call, NEXT, {"dataframe_split": many}).text)["predictions"]
    assert len(told) == 1000
    assert len(set(told)) == 1
    more = {"dataframe_split": many | {"data": [[5, 2]] * 1001}}
    assert_problem(post(call, NEXT, more), 422, "wrong_form")


@pytest.mark.parametrize(
    ("asked", "pointer", "code"),
    [
        ({}, "", "not_one_form"),
        ({"instances": RECORDS, "dataframe_records": RECORDS}, "", "not_one_form"),
        ({"instances": []}, "/instances", "too_short"),
        ({"instances": [{}]}, "", "missing"),
        ({"inputs": RECORDS}, "", "unknown_name"),
        ({"instances": [{SECRET: 1}]}, "/instances", "unknown_feature"),
        ({"instances": [RECORDS[0] | {SECRET: 1}]}, "/instances", "unknown_feature"),
        ({"instances": [{"days_since_order": 5}]}, "/instances", "missing_feature"),
        ({"instances": [RECORDS[0] | {"orders_365d": None}]}, "/instances", "missing_feature"),
        ({"instances": [RECORDS[0] | {"mean_gap": "9"}]}, "/instances/0/mean_gap", "float_type"),
        ({"instances": [RECORDS[0] | {"mean_gap": True}]}, "/instances/0/mean_gap", "float_type"),
        ({"instances": [RECORDS[0] | {"mean_gap": 1e16}]}, "/instances/0/mean_gap",
         "less_than_equal"),
        ({"dataframe_split": SPLIT | {"data": [ROWS[0], ROWS[0][:3]]}}, "/dataframe_split/data/1",
         "wrong_length"),
        ({"dataframe_split": {"columns": ["mean_gap", "mean_gap"], "data": [[1, 2]]}},
         "/dataframe_split/columns", "told_twice"),
    ],
)  # fmt: skip
def test_what_no_model_can_read_is_refused_with_its_place(
    call: Call, asked: Any, pointer: str, code: str
) -> None:
    answer = post(call, CHURN, asked)
    problem = assert_problem(answer, 422, "wrong_form")
    assert (problem["errors"][0]["pointer"], problem["errors"][0]["code"]) == (pointer, code)
    assert problem["instance"] == "/v1/compat/{target}/invocations"
    assert SECRET not in answer.text


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity"])
def test_no_number_that_is_none_is_read(call: Call, number: bytes) -> None:
    for path, body in ((CHURN, {"instances": RECORDS[:1]}), (INFER, {"inputs": tensors(ROWS[:1])})):
        answer = post(call, path, json.dumps(body).encode().replace(b"30.25", number))
        assert answer.status_code == 400


def test_a_prediction_that_is_no_number_is_refused(scorer: Scorer) -> None:
    churn = scorer.bundles["churn"]
    wild = Logistic((("days_since_order",),), (math.nan,), 0.0, 1.0)
    call = serve(Scorer({"churn": replace(churn, model=wild)}))
    problem = assert_problem(post(call, CHURN, {"instances": RECORDS[:1]}), 422, "wrong_form")
    assert problem["errors"][0]["code"] == "no_prediction"


def test_an_unknown_target_is_refused_with_those_there_are(call: Call) -> None:
    for answer in (
        post(call, f"/v1/compat/{SECRET}/invocations", {"instances": RECORDS}),
        call("GET", f"/v1/models/{SECRET}"),
    ):
        problem = assert_problem(answer, 404, "unknown_model")
        assert problem["detail"] == "The models here are churn, next_purchase."
        assert SECRET not in answer.text


def test_a_pair_of_a_customer_and_a_category_is_predicted() -> None:
    bundle: Bundle = make_choice()
    call = serve(Scorer({"cross_sell": bundle}))
    row = {"usual_share": 0.2, "own_rate": 0.5, "lift_mean": 1.2}
    told = parse(post(call, "/v1/compat/cross_sell/invocations", {"instances": [row]}).text)
    columns = {name: np.array([row[name]]) for name in bundle.frame}
    assert told == {"predictions": bundle.probability(columns).tolist()}


def test_every_kind_has_a_main_column_of_numbers() -> None:
    assert all(p.outputs[p.main] == "double" for p in PREDICTIONS.values())


def test_the_protocol_infers_what_mlflow_predicts(
    call: Call, expected: dict[str, list[Any]]
) -> None:
    asked = {"id": "crm-7", "inputs": tensors(ROWS), "parameters": {"binary": False}}
    answer = post(call, INFER, asked)
    assert answer.status_code == 200, answer.text
    told = parse(answer.text)
    assert (told["model_name"], told["model_version"], told["id"]) == ("churn", "3", "crm-7")
    outputs = {output["name"]: output for output in told["outputs"]}
    assert next(iter(outputs)) == "probability"
    assert outputs["probability"] == {
        "name": "probability", "shape": [4], "datatype": "FP64", "data": expected["probability"],
    }  # fmt: skip
    assert outputs["percentile"]["data"] == expected["percentile"]
    assert outputs["percentile"]["datatype"] == "INT64"
    assert set(outputs) == {"probability", "percentile", "baseline", "horizon_days"}


def test_of_the_outputs_only_those_wanted_are_told(call: Call) -> None:
    asked = {"inputs": tensors(ROWS), "outputs": [{"name": "baseline"}]}
    told = parse(post(call, "/v2/models/churn/versions/3/infer", asked).text)
    assert [output["name"] for output in told["outputs"]] == ["baseline"]
    assert "id" not in told


@pytest.mark.parametrize("datatype", ["FP64", "FP32", "INT64", "INT32"])
def test_tensors_may_be_columns(call: Call, datatype: str) -> None:
    flat = tensors([[5, 2], [9, 0]], LINE_INPUTS)
    columns = [
        t | {"shape": [2, 1], "data": [[n] for n in t["data"]], "datatype": datatype} for t in flat
    ]
    first, second = (
        post(call, "/v2/models/next_purchase/infer", {"inputs": i}).json()["outputs"]
        for i in (flat, columns)
    )
    assert first == second


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"shape": [3]}, "/inputs/0/shape: "),
        ({"shape": [2, 2]}, "/inputs/0/shape: "),
        ({"data": [1.0]}, "/inputs/0/shape: "),
        ({"data": []}, "/inputs/0/data: "),
        ({"datatype": "BYTES"}, "/inputs/0/datatype: "),
        ({"datatype": "INT64", "data": [0.5, 1]}, "/inputs/0/data: Whole numbers"),
        ({"name": SECRET}, "/inputs: The model does not read it"),
        ({"name": LINE_INPUTS[1]}, "/inputs: Each name once"),
        ({"data": ["1", "2"]}, "/inputs/0/data/0: "),
    ],
)
def test_the_protocol_has_its_own_form_of_error(
    call: Call, change: dict[str, Any], said: str
) -> None:
    inputs = tensors([[5, 2], [9, 0]], LINE_INPUTS)
    inputs[0] |= change
    answer = post(call, "/v2/models/next_purchase/infer", {"inputs": inputs})
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/json"
    told = parse(answer.text)
    assert list(told) == ["error"]
    assert said in told["error"]
    assert SECRET not in answer.text


def test_the_protocol_tells_the_server_and_the_models(call: Call, scorer: Scorer) -> None:
    get = partial(call, "GET")
    assert parse(get("/v2").text) == {"name": "patron", "version": "1", "extensions": []}
    assert parse(get("/v2/health/live").text) == {"live": True}
    assert parse(get("/v2/health/ready").text) == {"ready": True}
    for path in ("/v2/models/churn", "/v2/models/churn/versions/3"):
        assert parse(get(f"{path}/ready").text) == {"name": "churn", "ready": True}
        told = parse(get(path).text)
        assert (told["name"], told["versions"]) == ("churn", ["3"])
        assert told["inputs"] == [
            {"name": n, "datatype": "FP64", "shape": [-1]} for n in scorer.bundles["churn"].frame
        ]
        assert told["outputs"][0] == {"name": "probability", "datatype": "FP64", "shape": [-1]}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", f"/v2/models/{SECRET}", 404),
        ("GET", "/v2/models/churn/versions/4/ready", 404),
        ("POST", "/v2/models/churn/versions/4/infer", 404),
        ("GET", "/v2/repository/index", 404),
        ("DELETE", "/v2/models/churn", 405),
        ("POST", INFER, 415),
    ],
)
def test_what_the_protocol_cannot_answer(call: Call, method: str, path: str, status: int) -> None:
    answer = call(method, path)
    assert answer.status_code == status
    assert list(parse(answer.text)) == ["error"]
    assert SECRET not in answer.text


def test_without_a_model_the_protocol_is_live_and_not_ready() -> None:
    call = serve(None)
    assert call("GET", "/v2/health/live").status_code == 200
    ready = call("GET", "/v2/health/ready")
    assert (ready.status_code, ready.headers["retry-after"]) == (503, "5")
    assert "The models are being loaded." in parse(ready.text)["error"]
    assert_problem(post(call, CHURN, {"instances": RECORDS}), 503, "not_ready")


def test_a_route_is_counted_by_its_template(call: Call) -> None:
    call("GET", f"/v1/models/{SECRET}")
    said = generate_latest(gather_metrics(make_app().state)).decode()
    assert 'route="/v1/models/{target}",status="404"' in said
    assert SECRET not in said
