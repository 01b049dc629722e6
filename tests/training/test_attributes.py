"""A model learns from the shop's own attributes, carries them, and answers by them."""

import asyncio
import random
from datetime import UTC, datetime, timedelta

import httpx
import polars as pl
import pytest

from contract.bundle import load_bundles, save_bundle
from contract.tables import Layout, Tables
from features.dictionary import FEATURES
from features.gather import read_history
from serving.routes.front import Front
from serving.routes.web import make_app
from serving.scorer import Scorer
from training.learn import learn
from training.learned import Asked
from training.snapshots import take_snapshots
from training.targets import TARGETS

AS_OF = datetime(2026, 11, 1, tzinfo=UTC)
QUIET = Asked(lambda step: None)
KINDS = {"plan": "text", "household_size": "number", "area": "text"}
OWN = ["attribute_plan", "attribute_household_size", "attribute_area"]


@pytest.fixture(scope="module")
def frames(middle_shop):
    """The small shop, where a plan foretells who will order again, and a size says nothing."""
    draw = random.Random(3)
    read = {file.stem: pl.read_parquet(file) for file in middle_shop.glob("*.parquet")}
    last = dict(read["transactions"].group_by("customer_id").agg(pl.max("ordered_at")).iter_rows())
    entries = [
        {"customer_id": name, "plan": "basic" if at < datetime(2026, 9, 1) else "gold",
         "household_size": float(draw.randrange(1, 6)), "area": "south",
         "valid_from": datetime(2025, 1, 1)}
        for name, at in sorted(last.items())
    ]  # fmt: skip
    listed = pl.DataFrame(entries, schema_overrides={"valid_from": pl.Datetime("us")})
    return {**read, "customers": listed}


@pytest.fixture(scope="module")
def history(frames):
    return read_history(Tables(frames, Layout(attributes=KINDS)))


@pytest.fixture(scope="module")
def learned(history):
    return learn(history, TARGETS["churn"].over(60), AS_OF, QUIET)


@pytest.fixture(scope="module")
def scorer(learned, tmp_path_factory):
    """The model, written to disk and read again."""
    folder = tmp_path_factory.mktemp("attributes")
    save_bundle(learned.bundle, folder / "churn" / "1")
    return Scorer(load_bundles(folder))


def test_snapshots_have_every_feature_and_the_shops_own(history, learned):
    columns = learned.columns
    assert list(columns) == [*FEATURES, *OWN]
    norms = {AS_OF - timedelta(days=60): learned.bundle.norms}
    assert list(take_snapshots(history, TARGETS["churn"].over(60), norms).columns) == [
        *FEATURES,
        *OWN,
    ]


def test_what_an_attribute_foretells_is_learned_and_carried(learned, scorer):
    manifest = scorer.bundles["churn"].manifest
    assert {"attribute_plan", "attribute_household_size"} <= {*manifest.inputs}
    assert "attribute_area" not in manifest.inputs  # the same of all
    assert scorer.norms.attributes == KINDS
    assert {*scorer.norms.vocabulary["attribute_plan"]} == {"basic", "gold"}
    assert learned.report["families"]["xgboost"]["auc"]["value"] > 0.9
    entries = {entry["name"] for entry in scorer.bundles["churn"].entries}
    assert "attribute_plan" in entries


def test_over_http_a_customer_gets_the_batchs_answer_to_the_bit(frames, history, scorer):
    batch = {row["customer_id"]: row for row in scorer.score(history, AS_OF).to_pylist()}
    told_of = [name for name, row in batch.items() if row["churn_probability"] is not None]
    chosen = [name for name in frames["customers"]["customer_id"][::8] if name in told_of]
    app = make_app()
    app.state.scorer = scorer
    told = post(app, [tell(frames, name) for name in chosen])
    assert [r["churn"]["probability"] for r in told] == [
        batch[name]["churn_probability"] for name in chosen
    ]
    assert len({r["churn"]["probability"] for r in told}) > 20
    assert not [r for r in told if "attributes_not_used" in r["warnings"]]
    unknown = [tell(frames, name) | {"attributes": {"plan": "silver"}} for name in chosen]
    silent = [tell(frames, name) | {"attributes": {}} for name in chosen]
    assert [r["churn"] for r in post(app, unknown)] == [r["churn"] for r in post(app, silent)]
    assert [r["churn"] for r in post(app, silent)] != [r["churn"] for r in told]


def post(app, records):
    async def ask():
        link = httpx.ASGITransport(app=Front(app, app))
        async with httpx.AsyncClient(transport=link, base_url="http://127.0.0.1") as client:
            question = {"as_of": AS_OF.isoformat(), "records": records}
            return await client.post("/v1/scores", json=question)

    answer = asyncio.run(ask())
    assert answer.status_code == 200, answer.text
    return answer.json()["results"]


def tell(frames, name):
    """Return the record of a customer, with all rows before the moment."""
    rows = {table: frame.filter(pl.col("customer_id") == name) for table, frame in frames.items()
            if table != "products"}  # fmt: skip
    wanted = {
        "transactions": ("order_id", "ordered_at", "amount", "product_id", "quantity", "discount"),
        "interactions": ("kind", "occurred_at", "channel", "value", "initiated_by"),
    }
    (entry,) = rows["customers"].to_dicts()
    events = {
        table: [
            {n: f"{v.isoformat()}Z" if isinstance(v, datetime) else v for n, v in row.items()}
            for row in rows[table].select(columns).to_dicts()
        ]
        for table, columns in wanted.items()
    }
    return {
        "customer_id": name,
        "valid_from": f"{entry['valid_from'].isoformat()}Z",
        "attributes": {own: entry[own] for own in KINDS},
        **events,
    }
