"""A registered model in MLflow's own words: loaded, served over HTTP, spread by Spark."""

import io
import json
import os
import pickle
import pickletools
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import cloudpickle
import httpx
import joblib
import mlflow
import numpy as np
import pandas as pd
import pytest

from contract.bundle import save_bundle
from contract.champions import lay_out_champions
from contract.errors import BundleError, RegistryError
from contract.manifest import BaseRate
from contract.registry import CHAMPION, open_registry
from contract.versions import Version
from features.compute import compute
from serving.scorer import Scorer
from tests.conftest import ROOT
from tests.serving.running import find_port
from training.snapshots import DAYS_UNTIL, OUTCOME
from training.tracking import open_experiment, record

AS_OF = datetime(2026, 11, 1, tzinfo=UTC)
URI = "models:/patron-churn@champion"
PICKLED = (".pkl", ".pickle", ".p", ".joblib", ".cloudpickle", ".skops", ".pt", ".pth", ".dill")


@pytest.fixture(scope="module")
def native(new_home, learned_churn):
    """Two versions in MLflow, the second champion, and the report of the second."""
    settings = new_home()
    registry = open_registry(settings)
    open_experiment(settings)
    with mlflow.start_run():
        for reason in ("the first", "newer"):
            report = record(learned_churn, registry)
            registry.promote("churn", reason)
    return settings, registry, report


@pytest.fixture(scope="module")
def model(native):
    return mlflow.pyfunc.load_model(URI)


@pytest.fixture(scope="module")
def folder(native, tmp_path_factory):
    place = tmp_path_factory.mktemp("model")
    return Path(mlflow.artifacts.download_artifacts(URI, dst_path=str(place)))


@pytest.fixture(scope="module")
def rows(learned_churn):
    """Features of the customers of the judged snapshot, nulls among them."""
    found = learned_churn.judged[list(learned_churn.bundle.reads)]
    assert len(found) > 300 and found.isna().to_numpy().mean() > 0.05
    return found


def assert_as_the_bundle_says(answers, bundle, rows):
    """Every number equal to the last bit."""
    columns = {name: rows[name].to_numpy() for name in rows}
    probability = bundle.probability(columns)
    assert np.array_equal(answers["probability"], probability)
    assert np.array_equal(answers["baseline"], bundle.baseline_probability(columns))
    assert np.array_equal(answers["percentile"], bundle.percentile(probability))
    assert np.all(answers["eligible"]) and set(answers["horizon_days"]) == {60}
    assert len(np.unique(probability)) > 200


def test_a_loaded_model_says_what_the_bundle_says_to_the_bit(native, model, learned_churn, rows):
    answers = model.predict(rows)
    assert answers.index.equals(rows.index)
    assert_as_the_bundle_says(answers, learned_churn.bundle, rows)
    assert model.get_raw_model().manifest == learned_churn.bundle.manifest.model_copy(
        update={"files": model.get_raw_model().manifest.files}
    )
    mixed = rows.sample(frac=1, random_state=3)[sorted(rows)].assign(customer="x")
    assert model.predict(mixed).loc[rows.index].equals(answers)
    assert model.predict(rows[:0]).shape == (0, 5)


def test_of_every_customer_it_says_what_the_service_says(model, native, shop_history, tmp_path):
    """Who has left or never ordered gets a prior, where the service tells a stage alone."""
    _, registry, _ = native
    bundle = registry.fetch(registry.find("churn", CHAMPION), tmp_path)
    served = Scorer({"churn": bundle}).score(shop_history, AS_OF).to_pandas()
    found = compute(shop_history, {AS_OF: bundle.norms}, bundle.reads)
    answers = model.predict(pd.DataFrame(found.columns))
    for field in ("probability", "percentile", "baseline"):
        told = answers[field][answers["eligible"]]
        assert told.to_numpy().tolist() == served[f"churn_{field}"].dropna().tolist()
    assert (answers["eligible"] == served["churn_probability"].notna()).all()
    assert (answers["eligible"] == (served["stage"] == "active")).all()
    priors = bundle.manifest.priors
    assert {*answers["probability"][served["stage"] == "lapsed"]} == {priors.lapsed}
    assert {*answers["probability"][served["stage"] == "prospect"]} == {priors.prospect}
    assert set(served["stage"]) == {"active", "lapsed", "prospect"}
    assert not answers.isna().any(axis=None)


def test_features_that_are_missing_are_named(model, rows):
    with pytest.raises(BundleError) as refused:
        model.predict(rows.drop(columns=["days_since_order", "spend_30d"]))
    assert "features that the frame lacks: spend_30d, days_since_order." in str(refused.value)
    with pytest.raises(BundleError, match=rf"and {len(rows.columns) - 11} more"):
        model.predict(rows[["days_since_order"]])


def test_the_signature_tells_every_feature_and_answer(model, learned_churn):
    signature = model.metadata.signature
    assert tuple(signature.inputs.input_names()) == learned_churn.bundle.reads
    assert {(str(c.type), c.required) for c in signature.inputs.inputs} == {
        ("DataType.double", False)
    }
    assert {c.name: c.type.name for c in signature.outputs.inputs} == {
        "probability": "double",
        "percentile": "long",
        "baseline": "double",
        "eligible": "boolean",
        "horizon_days": "long",
    }


def test_the_example_is_a_real_customer_without_a_name(folder, model, rows):
    def refuse(name):
        raise AssertionError(f"{name} is not JSON")

    for name in ("input_example.json", "serving_input_example.json"):
        json.loads((folder / name).read_text(), parse_constant=refuse)
    example = model.input_example
    assert example.shape == (1, len(rows.columns))
    assert "customer_id" not in example
    alike = [i for i in rows.index if rows.loc[i].equals(example.loc[0].rename(i))]
    assert len(alike) == 1
    answer = model.predict(rows.loc[alike])
    assert model.predict(example).to_numpy().tolist() == answer.to_numpy().tolist()


def test_requirements_are_pinned_and_of_no_machine(folder):
    lines = (folder / "requirements.txt").read_text().splitlines()
    pinned = [line for line in lines if not line.startswith("#")]
    assert [re.fullmatch(r"([a-z-]+)==\d[\w.]+", line)[1] for line in pinned] == [
        "mlflow", "numpy", "pandas", "pydantic", "xgboost-cpu",
    ]  # fmt: skip
    for name in ("requirements.txt", "python_env.yaml", "card.md"):
        assert not re.search(r"file:|/tmp|/root|/home|\.venv", (folder / name).read_text())


# A blend of four, two of them trees.
IN_BUNDLE = (
    "baseline.json", "dictionary.json", "manifest.json", "model-1.json", "model-1.ubj",
    "model-2.json", "model-2.ubj", "model-3.json", "model-4.json", "model.json", "norms.json",
)  # fmt: skip


def is_pickle(file):
    data = file.read_bytes()
    if file.suffix in PICKLED or data[:1] == b"\x80":
        return True
    if re.match(rb"PK\x03\x04|\x1f\x8b|x[\x01\x5e\x9c\xda]|BZh|\xfd7zXZ|\x93NUMPY", data):
        return True  # an archive, in which a pickle may lie
    try:
        *_, (operation, _, end) = pickletools.genops(io.BytesIO(data))
    except (ValueError, IndexError):
        return False
    return operation.name == "STOP" and end + 1 == len(data)


def test_nothing_in_a_logged_model_is_a_pickle(folder, tmp_path):
    told = {"a": np.arange(3)}
    for protocol in range(6):
        (tmp_path / f"{protocol}").write_bytes(pickle.dumps(told, protocol))
    (tmp_path / "cloud").write_bytes(cloudpickle.dumps(is_pickle))
    for level in (0, 3):
        joblib.dump(told, tmp_path / f"joblib{level}", compress=level)
    assert [f.name for f in tmp_path.iterdir() if not is_pickle(f)] == []
    found = sorted(str(f.relative_to(folder)) for f in folder.rglob("*") if f.is_file())
    assert found == [
        "MLmodel", *(f"bundle/{name}" for name in IN_BUNDLE), "card.md", "input_example.json",
        "python_env.yaml", "registered_model_meta", "requirements.txt",
        "serving_input_example.json",
    ]  # fmt: skip
    assert [name for name in found if is_pickle(folder / name)] == []


def test_it_loads_where_pickles_are_forbidden(native, rows, monkeypatch):
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    monkeypatch.setattr(pickle, "loads", None)
    monkeypatch.setattr(pickle, "load", None)
    assert len(mlflow.pyfunc.load_model(URI).predict(rows[:2])) == 2


def change(file):
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(bytes(data))


@pytest.mark.parametrize(
    ("tamper", "told"),
    [
        (lambda b: change(b / "model-1.ubj"), "model-1.ubj in the bundle of churn is not the file"),
        (lambda b: change(b / "norms.json"), "norms.json in the bundle of churn is not the file"),
        (lambda b: (b / "more.py").write_text("1"), "has other files than its manifest names"),
        (lambda b: (b / "model-1.ubj").unlink(), "has other files than its manifest names"),
        (lambda b: (b / "manifest.json").write_text("{}"), "no readable manifest.json"),
    ],
    ids=["trees", "norms", "more", "fewer", "manifest"],
)
def test_a_bundle_that_was_tampered_with_is_not_loaded(folder, tmp_path, tamper, told):
    shutil.copytree(folder, tmp_path / "model")
    assert mlflow.pyfunc.load_model(str(tmp_path / "model"))
    tamper(tmp_path / "model" / "bundle")
    with pytest.raises(BundleError, match=told):
        mlflow.pyfunc.load_model(str(tmp_path / "model"))


def test_only_the_bundle_is_fetched_to_serve_and_no_loader_of_mlflow(native, tmp_path):
    _, registry, _ = native
    with lay_out_champions(registry) as laid:
        shutil.copytree(laid, tmp_path / "bundles")
    found = {str(f.relative_to(tmp_path)) for f in tmp_path.rglob("*") if f.is_file()}
    assert found == {f"bundles/churn/2/{name}" for name in IN_BUNDLE}
    code = (
        "import sys, pathlib, serving.app\n"
        "from contract.bundle import load_bundles\n"
        "from serving.scorer import Scorer\n"
        f"print(*Scorer(load_bundles(pathlib.Path({str(tmp_path / 'bundles')!r}))).bundles)\n"
        "print(*{'mlflow', 'contract.pyfunc'} & {*sys.modules})"
    )
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True,
                          check=True)  # fmt: skip
    assert told.stdout.splitlines()[-2:] == ["churn", ""]


def test_a_whole_bundle_in_place_of_the_registered_one_is_not_served(native, tmp_path):
    _, registry, _ = native
    first = registry.client.get_model_version("patron-churn", "1")
    uri = registry.client.get_model_version_download_uri("patron-churn", "1")
    stored = Path(uri.removeprefix("file://")) / "bundle"
    bundle = registry.fetch(Version("churn", "1", first.run_id), tmp_path)
    manifest = bundle.manifest.model_copy(
        update={"base_rate": BaseRate(share=0.01, low=0.01, high=0.01)}
    )
    save_bundle(replace(bundle, manifest=manifest), stored)
    with pytest.raises(RegistryError, match="version 1 holds another bundle than was registered"):
        registry.fetch(Version("churn", "1", first.run_id), tmp_path / "after")


def test_a_version_without_a_bundle_is_refused(native, tmp_path):
    _, registry, _ = native
    registry.client.create_registered_model("patron-empty")
    made = registry.client.create_model_version("patron-empty", source=tmp_path.as_uri())
    registry.client.set_registered_model_alias("patron-empty", CHAMPION, made.version)
    with pytest.raises(RegistryError, match="Of patron-empty version 1 no bundle can be fetched"):
        registry.fetch(registry.find("empty", CHAMPION), tmp_path)


@contextmanager
def serving(uri, settings, log):
    """Serve the model as MLflow does until the block ends; its processes are gone then."""
    port = find_port()
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    more = {"PATH": path, "PYTHONPATH": str(ROOT), "MLFLOW_TRACKING_URI": settings.tracking_uri}
    words = ["mlflow", "models", "serve", "-m", uri, "--env-manager", "local"]
    with log.open("wb") as said:
        server = subprocess.Popen([*words, "--host", "127.0.0.1", "--port", str(port)],
                                  env={**os.environ, **more}, cwd=log.parent, stdout=said,
                                  stderr=said, start_new_session=True)  # fmt: skip
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            wait_for(client, server, log)
            yield client
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)
    wait_for_silence(f"http://127.0.0.1:{port}/ping")


def wait_for_silence(address):
    """The workers end a moment after the process that started them."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            httpx.get(address)
        except httpx.TransportError:
            return
        time.sleep(0.2)
    pytest.fail("The model server is stopped, and still answers.")


def wait_for(client, server, log):
    end = time.monotonic() + 120
    while time.monotonic() < end and server.poll() is None:
        try:
            if client.get("/ping").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    pytest.fail(f"The model server did not start: {log.read_text()[-2000:]}")


def test_mlflow_serves_it_over_http_to_the_bit(native, folder, rows, learned_churn, tmp_path):
    settings, _, _ = native
    asked = rows.astype(object).where(rows.notna(), None)
    split = {"columns": list(rows), "data": asked.to_numpy().tolist()}
    with serving(URI, settings, tmp_path / "log") as client:
        answer = client.post("/invocations", json={"dataframe_split": split})
        assert answer.status_code == 200, answer.text
        answers = pd.DataFrame(answer.json()["predictions"])
        assert_as_the_bundle_says(answers, learned_churn.bundle, rows)
        example = (folder / "serving_input_example.json").read_text()
        headers = {"content-type": "application/json"}
        one = client.post("/invocations", content=example, headers=headers)
        assert one.json()["predictions"][0] in answer.json()["predictions"]
        records = asked[:2].drop(columns="spend_30d").to_dict("records")
        refused = client.post("/invocations", json={"dataframe_records": records})
        assert refused.status_code == 400
        assert "features that the frame lacks: spend_30d." in refused.text


def test_spark_spreads_it_to_the_bit(native, spark, rows, learned_churn):
    from pyspark.sql.functions import struct

    from features.session import no_word_of_pandas

    with no_word_of_pandas():
        answer = mlflow.pyfunc.spark_udf(spark, URI, env_manager="local")
        frame = spark.createDataFrame(rows.assign(row=np.arange(len(rows)))).repartition(2)
        told = frame.select("row", answer(struct(*rows.columns)).alias("told"))
        answers = told.select("row", "told.*").toArrow().to_pandas().sort_values("row")
    assert_as_the_bundle_says(answers.drop(columns="row"), learned_churn.bundle, rows)


def test_a_version_tells_what_it_is(native, model, learned_churn):
    _, registry, report = native
    version = registry.client.get_model_version_by_alias("patron-churn", CHAMPION)
    manifest = model.get_raw_model().manifest
    assert version.tags == {
        "target": "churn",
        "family": manifest.family,
        "horizon_days": "60",
        "as_of": "2026-11-01T00:00:00+00:00",
        "sha256": model.get_raw_model().sha256,
        "dataset_sha256": report["dataset_sha256"],
        "grade": report["grade"]["letter"],
        "gate": "passed",
        "gate_reasons": "[]",
        "gate_at": version.tags["gate_at"],
    }
    assert version.run_id == report["run_id"]
    assert version.description.startswith(f"# churn: {manifest.meaning}\n")
    about = registry.client.get_registered_model("patron-churn").description
    assert about.startswith(f"**churn**: {manifest.meaning}")
    assert [t.reason for t in registry.history("churn")] == ["the first", "newer"]


def test_the_run_has_model_metrics_and_both_data_sets(native, learned_churn, folder):
    _, registry, report = native
    run = registry.client.get_run(report["run_id"])
    (output,) = run.outputs.model_outputs
    logged = registry.client.get_logged_model(output.model_id)
    assert logged.name == "churn"
    assert logged.params["horizon_days"] == "60"
    figures = {m.key: (m.value, m.dataset_name) for m in logged.metrics}
    best = report["families"][report["best"]]
    assert figures["log_loss"] == (best["log_loss"]["value"], "churn judged snapshot")
    inputs = [({t.key: t.value for t in i.tags}, i) for i in run.inputs.dataset_inputs]
    data = {tags["mlflow.data.context"]: i for tags, i in inputs}
    told = {tags["mlflow.data.context"]: tags for tags, _ in inputs}
    closed = learned_churn.stages[1].closed
    assert told["training"]["moments"] == str(len(closed))
    assert told["training"]["last_moment"] == str(max(closed))
    assert data["training"].dataset.digest == report["dataset_sha256"][:36]
    columns = {c["name"] for c in json.loads(data["judged"].dataset.schema)["mlflow_colspec"]}
    assert {OUTCOME, DAYS_UNTIL, "days_since_order"} <= columns
    assert "customer_id" not in data["training"].dataset.schema + data["judged"].dataset.schema


def test_the_pictures_of_importance_and_the_card_are_artifacts(native, folder, tmp_path):
    _, registry, report = native
    place = Path(registry.client.download_artifacts(report["run_id"], "", str(tmp_path)))
    for name in ("importance", "shap"):
        assert (place / "figures" / f"{name}.png").read_bytes()[:4] == b"\x89PNG"
    assert (place / "card.md").read_text() == (folder / "card.md").read_text()


BLOCKS = re.findall(r"```python\n(.+?)```", (ROOT / "docs" / "models.md").read_text("utf-8"), re.S)


def test_the_page_for_data_scientists_does_what_it_says(
    native, shop_history, middle_shop, spark, monkeypatch
):
    from features.session import no_word_of_pandas

    settings, _, _ = native
    (settings.home / "shop").symlink_to(middle_shop)
    monkeypatch.chdir(settings.home)
    load, spread, compare = (compile(block, "models.md", "exec") for block in BLOCKS)
    names = {}
    exec(load, names)
    served = Scorer({"churn": names["bundle"]}).score(shop_history, AS_OF).to_pandas()
    told = names["answers"]
    assert told.index.tolist() == served["customer_id"].tolist()
    answered = served["churn_probability"].notna().to_numpy()
    assert told["eligible"].tolist() == answered.tolist() and 100 < answered.sum() < len(told)
    assert told["probability"][answered].tolist() == served["churn_probability"][answered].tolist()
    with no_word_of_pandas():
        rows = names["features"][:50].rename_axis("customer_id").reset_index()
        names |= {"spark": spark, "frame": spark.createDataFrame(rows)}
        exec(spread, names)
        spread_out = names["told"].toArrow().to_pandas().set_index("customer_id")
    assert spread_out["probability"].to_dict() == told["probability"][:50].to_dict()
    exec(compare, names)
    assert names["runs"]["params.judged_moment"].tolist() == ["2026-09-02"] * 2
    assert names["runs"]["metrics.auc"].between(0.7, 1).all()
    mlflow.set_tracking_uri(settings.tracking_uri)
