"""The front door: what is printed, which status it ends with, and that bad input gets one line."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from mlflow import MlflowClient
from mlflow.projects._project_spec import load_project

import cli
from contract.registry import open_registry
from contract.settings import Settings
from tests.training.versions import make_bundle, register
from training.targets import TARGETS

ROOT = Path(__file__).resolve().parent.parent
PATRON = Path(sys.executable).with_name("patron")


@pytest.fixture
def home(tmp_path, monkeypatch, new_home):
    new_home(tmp_path / "home")
    monkeypatch.setenv("PATRON_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return tmp_path


def write_orders(folder, **columns):
    folder.mkdir(exist_ok=True)
    rows = {
        "customer_id": ["a", "a", "b"],
        "order_id": ["1", "2", "3"],
        "ordered_at": ["2026-01-05", "2026-03-05", "2026-02-01T10:00:00Z"],
        "amount": ["10.0", "20.0", "-5"],
    }
    pl.DataFrame({**rows, **columns}).write_csv(folder / "transactions.csv")
    return str(folder)


def refuse(capsys, *words):
    status = cli.main(list(words))
    told = capsys.readouterr()
    assert status == 1
    assert told.err.startswith("patron: ") and told.err.count("\n") == 1
    return told.err.removeprefix("patron: ").strip()


def test_a_missing_column_is_told_with_what_there_is_and_how_to_map_it(home, capsys):
    folder = home / "shop"
    folder.mkdir()
    (folder / "transactions.csv").write_text(
        "customer_id,order_id,ordered_at,total\na,1,2026-01-05,10\n"
    )
    for verb in (["check"], ["train", "--as-of", "2026-06-01"]):
        assert refuse(capsys, verb[0], str(folder), *verb[1:]) == (
            "transactions has no column 'amount'; it has customer_id, order_id, ordered_at, total."
            ' Map it: columns.transactions.amount = "total"'
        )
    (folder / "tables.toml").write_text('columns.transactions.amount = "total"\n')
    assert cli.main(["check", str(folder)]) == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["check", "nowhere"], "There is no folder or file nowhere."),
        (["check", "SHOP", "--preset", "shopify"], "There is no preset 'shopify'."),
        (["check", "sqlite:///nowhere/shop.db"], "The sqlite database cannot be read"),
        (["check", "oracle+nothing://scott:tiger@db/x"], "database cannot be read"),
        (["features", "SHOP", "--as-of", "yesterday", "--out", "f.csv"], "'yesterday' is no date."),
        (["features", "SHOP"], "features needs TABLES, --as-of and --out."),
        (["features", "SHOP", "--as-of", "2026-06-01", "--out", "f.xlsx"], "f.xlsx is neither"),
        (["train", "SHOP", "--as-of", "2026-06-01", "--target", "leaving"], "no target 'leaving'"),
        (["train", "SHOP", "--as-of", "2026-06-01", "--horizon", "0"], "0 days is not ahead"),
        (
            ["train", "SHOP", "--as-of", "2026-06-01", "--horizon", "60"],
            "147 days of orders before",
        ),
        (["train", "SHOP", "--as-of", "2020-06-01"], "There is no order before as_of."),
        (["train", "SHOP", "--as-of", "2026-06-01", "--sample", "0"], "--sample 0 is nobody."),
        (["promote"], "There is no challenger to promote."),
        (["promote", "--target", "churn"], "patron-churn has no challenger."),
        (["rollback"], "No target has a version to go back to. See patron history."),
        (["rollback", "--target", "churn"], "patron-churn has no version before its champion"),
        (["history"], "No model is registered. Run patron train first."),
        (["history", "--target", "churn"], "patron-churn is not registered."),
        (["score", "SHOP", "--as-of", "2026-06-01", "--out", "a.parquet"], "No model has been"),
        (["build"], "No model has been promoted."),
        (["serve"], "There is no Bento of patron"),
        (["serve", "--registry", "--poll", "0"], "--poll 0 is no time to wait"),
        (["shop", "--customers", "0", "--out", "x"], "0"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_gets_one_line_and_status_1(home, capsys, words, told):
    shop = write_orders(home / "shop")
    message = refuse(capsys, *(shop if word == "SHOP" else word for word in words))
    assert told in message
    assert "tiger" not in message


def test_a_variable_that_patron_does_not_know_is_refused(home, capsys, monkeypatch):
    monkeypatch.setenv("PATRON_HOEM", "/x")
    message = refuse(capsys, "promote")
    assert message.startswith("The environment sets PATRON_HOEM, which Patron does not know.")
    assert "PATRON_HOME" in message


def test_a_broken_file_is_refused_without_a_traceback(home, capsys):
    folder = home / "broken"
    folder.mkdir()
    (folder / "transactions.parquet").write_bytes(b"PAR1 not really PAR1")
    for engine in ("polars", "duckdb"):
        told = refuse(capsys, "check", str(folder), "--engine", engine)
        assert "transactions.parquet cannot be read as parquet" in told


@pytest.mark.parametrize("engine", ["polars", "duckdb"])
@pytest.mark.parametrize("line", [b"M\xfcller,9,2026-01-05,10", b"Muller,9,2026-01-05,10,11,12"])
def test_a_csv_that_breaks_in_the_middle_is_refused_without_its_rows(home, capsys, engine, line):
    folder = home / "broken"
    folder.mkdir()
    whole = b"".join(b"a,%d,2026-01-05,10\n" % n for n in range(50_000))
    head = b"customer_id,order_id,ordered_at,amount\n"
    (folder / "transactions.csv").write_bytes(head + whole + line + b"\n")
    told = refuse(capsys, "check", str(folder), "--engine", engine)
    assert "Write it again" in told or "Write the file again" in told
    assert "ller" not in told


def test_check_ends_with_status_1_when_training_would_be_wrong(home, capsys):
    folder = write_orders(home / "two", currency=["EUR", "GBP", "EUR"])
    assert cli.main(["check", folder, "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    errors = [f for f in told["findings"] if f["severity"] == "error"]
    assert not told["trainable"]
    assert [(e["rule"], e["column"], e["rows"]) for e in errors] == [
        ("many_currencies", "currency", 2)
    ]
    assert cli.main(["check", folder]) == 1
    assert "Training would be wrong: see the errors." in capsys.readouterr().out


def test_check_counts_what_is_there_and_ends_with_status_0(home, capsys):
    assert cli.main(["check", write_orders(home / "one"), "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)["summary"]
    assert (summary["customers"], summary["orders"], summary["days"]) == (1, 2, 59)
    assert (summary["first_order"], summary["last_order"]) == ("2026-01-05", "2026-03-05")


def test_features_are_written_for_each_moment(home, capsys):
    out = home / "features.csv"
    moments = ["--as-of", "2026-02-01", "--as-of", "2026-04-01T00:00:00+02:00"]
    words = ["features", write_orders(home / "s"), *moments, "--out", str(out)]
    assert cli.main(words) == 0
    rows = pl.read_csv(out).select("customer_id", "as_of", "orders_ever").rows()
    assert [(c, m[:16], n) for c, m, n in rows] == [
        ("a", "2026-02-01 00:00", 1.0),
        ("a", "2026-03-31 22:00", 2.0),
        ("b", "2026-03-31 22:00", 0.0),
    ]


def test_describe_prints_the_dictionary(capsys):
    assert cli.main(["features", "--describe"]) == 0
    entries = json.loads(capsys.readouterr().out)
    lateness = next(e for e in entries if e["name"] == "lateness")
    assert lateness["missing"] == "null until the second"
    assert lateness["made_of"] == "days_since_order, mean_gap"


def test_describe_adds_the_attributes_that_a_layout_names(home, capsys):
    shop = write_orders(home / "shop")
    (home / "shop" / "tables.toml").write_text('[attributes]\nregion = "text"\n')
    assert cli.main(["features", shop, "--describe"]) == 0
    *_, last = json.loads(capsys.readouterr().out)
    assert (last["name"], last["missing"]) == ("attribute_region", "null without one known")


def test_a_place_that_cannot_be_written_is_told(home, capsys):
    (home / "file").write_text("")
    shop = write_orders(home / "shop")
    words = ["features", shop, "--as-of", "2026-06-01", "--out", str(home / "file" / "f.csv")]
    for told in (
        refuse(capsys, *words),
        refuse(capsys, "shop", "--customers", "5", "--out", str(home / "file")),
    ):
        assert f"{home / 'file'}" in told
        assert told.endswith("Name another place.")


def test_words_that_are_not_understood_end_with_status_2():
    told = subprocess.run([PATRON, "scroe"], capture_output=True, text=True, check=False)
    assert told.returncode == 2
    assert "invalid choice: 'scroe'" in told.stderr


def test_mlflow_that_does_not_answer_is_told(home, capsys, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    assert "MLflow does not answer at the http address given" in refuse(capsys, "promote")


def print_by(capsys, *words):
    assert cli.main(list(words)) == 0
    return capsys.readouterr().out


def test_who_was_champion_is_told_with_why(home, capsys):
    settings = Settings(home=home / "home", MLFLOW_TRACKING_URI="")
    registry = open_registry(settings)
    bundles = [make_bundle(home / name, name) for name in ("churn", "next_purchase")]
    for reason in ("the first", "newer"):
        for bundle in bundles:
            register(bundle, settings, registry)
        print_by(capsys, "promote", "--reason", reason)
    assert refuse(capsys, "rollback") == (
        "Several can go back: churn, next_purchase. Name one: --target."
    )
    told = print_by(capsys, "rollback", "--target", "churn", "--reason", "complaints")
    assert told == "patron-churn version 1 is champion again.\n"
    told = print_by(capsys, "rollback")  # the only one left that can
    assert told == "patron-next_purchase version 1 is champion again.\n"
    lines = print_by(capsys, "history").splitlines()
    assert [lines[i] for i in (0, 5, 6)] == ["churn", "", "next_purchase"]
    whys = ["why", "promoted; the first", "promoted; newer", "rolled back; complaints"]
    assert all(line.endswith(why) for line, why in zip(lines[1:5], whys, strict=True))
    assert [" now " in line for line in lines[2:5]] == [False, False, True]
    assert print_by(capsys, "history", "--target", "churn").splitlines() == lines[:5]
    told = json.loads(print_by(capsys, "history", "--json"))
    assert [(t["version"], t["how"], t["serves"]) for t in told["next_purchase"]] == [
        ("1", "promoted", False),
        ("2", "promoted", False),
        ("1", "rolled_back", True),
    ]
    assert told["churn"][0]["until"] == told["churn"][1]["since"]


@pytest.mark.parametrize(
    ("entry", "given", "words"),
    [
        ("train", {}, ["--engine", "polars"]),
        (
            "train",
            {"engine": "duckdb", "target": "churn", "horizon": "60", "report": "r.json"},
            ["--engine", "duckdb", "--target", "churn", "--horizon", "60", "--report", "r.json"],
        ),
        ("score", {"out": "a.parquet"}, ["--out", "a.parquet", "--engine", "polars"]),
    ],
    ids=["train", "train with all", "score"],
)
def test_mlproject_says_what_the_front_door_understands(tmp_path, entry, given, words):
    project = load_project(str(ROOT)).get_entry_point(entry)
    shop = {"tables": "my shop", "as_of": "2026-11-01"}
    command = project.compute_command({**shop, **given}, str(tmp_path))
    said = ["patron", entry, "my shop", "--as-of", "2026-11-01", *words]
    assert shlex.split(command) == said
    assert cli.read_words().parse_args(said[1:]).engine == given.get("engine", "polars")


def test_mlproject_retrains_through_mlflow(home, small_shop):
    words = [
        "run",
        str(ROOT),
        "-e",
        "train",
        "-P",
        f"tables={small_shop}",
        "-P",
        "as_of=2026-11-01",
    ]
    path = f"{PATRON.parent}{os.pathsep}{os.environ['PATH']}"
    uri = f"sqlite:///{home}/runs.db"
    kept = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_")}
    told = subprocess.run(
        [PATRON.with_name("mlflow"), *words, "--env-manager", "local"],
        cwd=home,
        env={**kept, "PATH": path, "MLFLOW_TRACKING_URI": uri},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    assert "registered: patron-churn version 1, challenger" in told.stdout
    runs = MlflowClient(uri).search_runs(["0"])
    parents = [r for r in runs if r.data.tags.get("mlflow.project.entryPoint") == "train"]
    children = {r.data.params.get("target") for r in runs if r not in parents}
    assert len(parents) == 1 and children == set(TARGETS)


def test_training_learns_from_a_sample(home, small_shop, capsys):
    words = [str(small_shop), "--as-of", "2026-11-01", "--target", "next_purchase"]
    assert cli.main(["train", *words, "--sample", "200"]) == 0
    judged = re.search(r"from 2026-10-02, (\d+) customers", capsys.readouterr().out)
    assert 150 < int(judged[1]) < 220  # of 400


def test_the_switches_of_cross_selling_are_read_from_words_or_a_file(tmp_path):
    def read(*words):
        return cli._read_offer(
            cli.read_words().parse_args(["train", "shop", "--as-of", "2026-11-01", *words])
        )

    assert read() == {}
    assert read("--repeats", "--not-again", "90") == {"repeats": True, "look_back_days": 90}
    assert read("--categories", "belts, hats,belts") == {"only": ("belts", "hats")}
    assert read("--categories", "belts") == {"only": ("belts",)}
    file = tmp_path / "categories.txt"
    file.write_text("belts, leather\n\nhats\n")
    assert read("--categories", str(file)) == {"only": ("belts, leather", "hats")}
    many = [f"category {n}" for n in range(99)]
    assert read("--categories", ",".join(many)) == {"only": tuple(many)}
