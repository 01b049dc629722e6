"""The README's commands run as they stand, and its answer is the one they give."""

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from features.dictionary import FEATURES
from training.targets import TARGETS

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text("utf-8")
BY_HAND = README.partition("## By hand")[2]
CHANCES = [name for name, target in TARGETS.items() if target.kind == "chance"]
BLOCKS = re.findall(r"```sh\n(.+?)```", BY_HAND, re.S)


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    home = tmp_path_factory.mktemp("by-hand")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PATRON_", "MLFLOW_"))}
    return {"cwd": home, "env": {**kept, "PATH": path, "PATRON_HOME": str(home / "left")}}


@pytest.fixture(scope="module")
def told(environment):
    """What each command of the first block says; the last one, which serves, is left to its own."""
    *commands, serve = BLOCKS[0].strip().splitlines()
    assert serve == "patron serve --port 3000"
    said = {}
    for command in commands:
        run = subprocess.run(command.split(), capture_output=True, text=True, **environment)
        assert run.returncode == 0, f"{command}\n{run.stdout}\n{run.stderr}"
        said[command.split()[1]] = run.stdout
    return said


@contextmanager
def serving(environment, *options):
    """Serve on a free loopback port while the block runs; asked to stop, it ends with status 0."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    words = ["patron", "serve", "--port", str(free), *options]
    with (environment["cwd"] / "serve.log").open("a") as log:
        server = subprocess.Popen(words, stdout=log, stderr=log, **environment)
    try:
        wait_until_ready(free)
        yield free
    finally:
        server.terminate()
        status = server.wait(timeout=30)
    assert status == 0


@pytest.fixture(scope="module")
def port(told, environment):
    with serving(environment) as free:
        yield free


def wait_until_ready(port):
    for _ in range(300):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    pytest.fail("The service did not come up within a minute.")


def test_the_shop_is_ready_to_train(told):
    assert told["check"].rstrip().endswith("Ready to train.")
    assert re.search(r"^transactions +54,064$", told["shop"], re.M)


def test_training_reports_every_family_beside_the_baselines(told):
    rows = re.findall(r"^(\w+) +[0-9]", told["train"], re.M)
    for name in ("hist_gradient_boosting", "base_rate", "days_since_order", "order_count"):
        assert rows.count(name) == len(CHANCES)
    for name in ("global_top", "decayed_blend", "parts", "status_quo"):
        assert name in rows
    assert len(re.findall("^grade [AB], gate passed", told["train"], re.M)) == len(TARGETS)
    assert "registered: patron-churn version 1, challenger" in told["train"]
    assert "patron-next_purchase version 1 is champion." in told["promote"]


def test_the_batch_has_a_whole_row_for_every_customer(told, environment):
    rows = pq.read_table(environment["cwd"] / "answers.parquet")
    assert len(rows) == len(set(rows["customer_id"].to_pylist())) == 2000
    active = pc.equal(rows["stage"], "active")
    # Who has bought of nearly everything is shown fewer than five categories.
    told_of_active = [n for n in rows.column_names if not re.match("cross_sell_[1-5]", n)]
    assert not [n for n in told_of_active if rows.filter(active)[n].null_count]
    told_of_all = [n for n in told_of_active if not n.startswith("churn_")]
    # Where somebody stands among their like is told where a model tells them apart.
    told_of_each = [n for n in told_of_all if not n.endswith("percentile_in_stage")]
    assert not [n for n in told_of_each if rows[n].null_count]
    models = json.loads(rows.schema.metadata[b"patron_models"])
    assert set(models) == set(TARGETS)


def test_the_features_are_a_row_per_customer(told, environment):
    rows = pq.read_table(environment["cwd"] / "features.parquet")
    assert rows.column_names[:2] == ["customer_id", "as_of"] and rows.num_columns == 2 + len(
        FEATURES
    )
    assert "2,000 rows in features.parquet" in told["features"]


def test_the_question_in_the_readme_gets_the_answer_in_the_readme(port, environment):
    command = BLOCKS[1].replace(":3000/", f":{port}/")
    run = subprocess.run(["bash", "-c", command], capture_output=True, text=True, **environment)
    answer = json.loads(run.stdout)["results"][0]
    printed = json.loads(re.search(r"```json\n(.+?)```", BY_HAND, re.S)[1])["results"][0]
    assert set(answer) == set(printed)
    for target in TARGETS:
        assert set(answer[target]) == set(printed[target])
    for target in CHANCES:
        ours, shown = answer[target]["probability"], printed[target]["probability"]
        # Another machine's trees may split a hair elsewhere.
        assert ours == pytest.approx(shown, abs=0.02)
        assert answer[target]["baseline"] == pytest.approx(printed[target]["baseline"], abs=0.02)
    first, shown = (told["cross_sell"]["items"][0]["probability"] for told in (answer, printed))
    assert first == pytest.approx(shown, abs=0.02)
    worth, shown = (float(told["lifetime_value"]["predicted"]) for told in (answer, printed))
    assert worth == pytest.approx(shown, rel=0.1)


def test_one_customer_over_http_equals_the_batch_to_the_bit(port, environment):
    """Thirty customers of the shop, each asked for alone with all its own rows."""
    home = environment["cwd"]
    batch = {r["customer_id"]: r for r in pq.read_table(home / "answers.parquet").to_pylist()}
    tables = {
        "transactions": ("order_id", "ordered_at", "amount", "product_id", "quantity", "discount"),
        "interactions": ("kind", "occurred_at", "channel", "value", "initiated_by"),
    }
    rows = {t: pq.read_table(home / "shop" / f"{t}.parquet").to_pylist() for t in tables}
    listed = {
        c["customer_id"]: c for c in pq.read_table(home / "shop/customers.parquet").to_pylist()
    }
    for customer in list(batch)[::67]:
        record = listed[customer] | {
            n: listed[customer][n].isoformat() for n in ("since", "valid_from")
        }
        for table, columns in tables.items():
            own = [r for r in rows[table] if r["customer_id"] == customer]
            record[table] = [
                {
                    c: v.isoformat() if hasattr(v, "isoformat") else v
                    for c in columns
                    if (v := r[c]) is not None
                }
                for r in own
            ]
        answer = ask(port, {"as_of": "2026-11-01T00:00:00Z", "records": [record]})["results"][0]
        expected = batch[customer]
        assert answer["stage"] == expected["stage"]
        for target in CHANCES:
            said = answer.get(target, {}).get("probability")
            assert said == expected[f"{target}_probability"]
        items = [(i["category"], i["probability"]) for i in answer["cross_sell"]["items"]]
        columns = [f"cross_sell_{n}_" for n in range(1, len(items) + 1)]
        assert items == [(expected[c + "category"], expected[c + "probability"]) for c in columns]
        worth = float(answer["lifetime_value"]["predicted"])
        assert worth == expected["predicted_lifetime_value"]
        assert answer.get("churn", {}).get("percentile") == expected["churn_percentile"]
        assert answer["next_purchase"]["expected_date"] == str(expected["expected_next_order_date"])


def ask(port, question):
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/scores",
        data=json.dumps(question).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def test_serving_from_the_registry_gives_the_same_models(port, environment):
    with serving(environment, "--registry") as other:
        from_registry, from_bento = list_models(other), list_models(port)
    assert from_registry == from_bento
    assert {target for target, _, _ in from_bento} == set(TARGETS)


def list_models(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/models", timeout=10) as answer:
        models = json.load(answer)["models"]
    return {(m["target"], m["version"], m["sha256"]) for m in models}


def test_a_taken_port_is_refused_in_one_line(port, environment):
    words = ["patron", "serve", "--port", str(port)]
    refused = subprocess.run(words, capture_output=True, text=True, **environment)
    assert refused.returncode == 1
    assert f"127.0.0.1:{port} cannot be listened on" in refused.stderr
    assert "Traceback" not in refused.stderr
