"""A real service over real champions: a thousand answers, made again there and by the CLI."""

import json
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

import cli
from contract.bundle import Bundle
from contract.champions import fetch_champions, fetch_version
from contract.registry import Registry, open_registry
from contract.settings import Settings
from serving.receipts.library import Library
from serving.receipts.replay import replay_all
from serving.store.opened import open_store
from tests.serving.kinds import calibrate, make_kinds, register_bundle
from tests.serving.parity import AS_OF, draw_records
from tests.serving.running import assert_problem, following, parse

BESIDE = ("record_id", "status", "receipt", "warnings")


@dataclass
class Home:
    """A home with a registry whose champions serve, and a thousand answers by the first ones."""

    settings: Settings
    registry: Registry
    bundles: dict[str, Bundle]
    folder: Path
    results: list[dict[str, Any]] = field(default_factory=list)
    last: list[dict[str, Any]] = field(default_factory=list)
    replays: Any = None
    unknown: Any = None
    alone: Any = None
    later: Any = None


def champion(home: Home, bundle: Bundle, name: str) -> None:
    register_bundle(home.registry, bundle, home.folder / name)
    home.registry.promote(bundle.target)


def ask(client: httpx.Client, path: str, body: Any) -> Any:
    answer = client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    return parse(answer.text)


def score(client: httpx.Client, records: list[Any], **more: Any) -> list[dict[str, Any]]:
    body = {"as_of": AS_OF.isoformat(), "records": records} | more
    results: list[dict[str, Any]] = ask(client, "/v1/scores", body)["results"]
    return results


def replay(client: httpx.Client, receipts: list[str]) -> Any:
    return ask(client, "/v1/replays", {"receipts": receipts})


def list_receipts(results: list[dict[str, Any]]) -> list[str]:
    return [result["receipt"] for result in results]


def wait_for_versions(client: httpx.Client, wanted: dict[str, str]) -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        told = client.get("/v1/models").json().get("models", [])  # a problem while there are none
        models = {model["target"]: model["version"] for model in told}
        if wanted.items() <= models.items():
            return
        time.sleep(0.1)
    pytest.fail(f"The service does not serve {wanted}")


def draw() -> list[dict[str, Any]]:
    """Return records of a random shop, some of whose lines are of belts, hats and scarves."""
    drawn, records = random.Random(5), draw_records(1000)
    for record in records:
        for line in record["transactions"]:
            line["product_id"] = drawn.choice(["b", "h", "s", "x", None])
    return records


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, new_home: Any) -> Iterator[Home]:
    with pytest.MonkeyPatch.context() as patch:
        settings = new_home()
        patch.setenv("PATRON_HOME", str(settings.home))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        folder, records = tmp_path_factory.mktemp("made"), draw()
        made = Home(settings, open_registry(settings), make_kinds(folder / "kinds"), folder)
        for target, bundle in made.bundles.items():
            champion(made, bundle, f"{target}-1")
        with following(settings.home, settings.tracking_uri) as (client, _log):
            wait_for_versions(client, dict.fromkeys(made.bundles, "1"))
            made.results = score(client, records)
            made.replays = replay(client, list_receipts(made.results))
            made.unknown = replay(client, ["no", made.results[0]["receipt"]])
            alone = [
                score(client, [record], as_of=f"2026-05-{1 + i % 28:02}T08:00:00Z")[0]
                for i, record in enumerate(records[:60])
            ]
            made.alone = replay(client, list_receipts(alone))
            assert_problem(client.post("/v1/replays", json={"receipts": []}), 422, "wrong_form")
            for target in ("churn", "cross_sell"):
                other = calibrate(made.bundles[target], slope=0.5)
                champion(made, other, f"{target}-2")
            wait_for_versions(client, {"churn": "2", "cross_sell": "2"})
            made.later = replay(client, list_receipts(made.results))
            made.last = score(client, records[:50], as_of="2026-04-04T00:00:00Z")
        yield made


def test_a_thousand_of_a_thousand_over_http(home: Home) -> None:
    assert home.replays["summary"] == {"total": 1000, "succeeded": 1000, "failed": 0}
    replays = home.replays["results"]
    assert [r["receipt"] for r in replays if not r["equal"]] == []
    for told, again in zip(home.results, replays, strict=True):
        plain = {name: part for name, part in told.items() if name not in BESIDE}
        assert plain == again["told"] == again["again"]
        assert again["differences"] == again["warnings"] == []


def test_an_unknown_receipt_fails_alone(home: Home) -> None:
    assert home.unknown["summary"] == {"total": 2, "succeeded": 1, "failed": 1}
    failed, made = home.unknown["results"]
    assert (failed["receipt"], failed["error"]["code"]) == ("no", "unknown_receipt")
    assert made["equal"]


def test_what_was_answered_one_by_one_is_equal(home: Home) -> None:
    assert [r["equal"] for r in home.alone["results"]] == [True] * 60


def test_what_waited_when_the_service_ended_is_kept(home: Home) -> None:
    made = replay_all(open_store(home.settings.store_url), list_receipts(home.last), library(home))
    assert len(made) == 50 and all(one.equal for one in made)


def library(home: Home) -> Library:
    return Library([], lambda model: fetch_version(home.registry, model[0], model[1]))


def test_another_champion_and_back_change_nothing(home: Home) -> None:
    receipts, store = list_receipts(home.results), open_store(home.settings.store_url)
    assert [r["equal"] for r in home.later["results"]] == [True] * 1000
    made = replay_all(store, receipts, library(home))
    assert len(made) == 1000 and all(one.equal for one in made)
    serving_now = fetch_champions(home.registry, home.folder / "champions").values()
    made = replay_all(store, receipts, Library([]), serving_now)
    assert {one.error for one in made} == {"model_not_here"}
    # Releases that have served are looked through as well, where they are kept.
    made = replay_all(store, receipts, Library([home.settings.releases]), serving_now)
    assert all(one.equal for one in made)
    for target in ("churn", "cross_sell"):
        assert home.registry.rollback(target).number == "1"
    assert all(one.equal for one in replay_all(store, receipts, library(home)))


def test_an_answer_is_made_again_at_the_front_door(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    receipt = home.results[7]["receipt"]
    assert cli.main(["replay", receipt]) == 0
    said = capsys.readouterr().out
    assert said.startswith("Equal to the last bit.\n")
    assert "churn 1, cross_sell 1, lifetime_value 1, next_purchase 1" in said
    assert cli.main(["replay", receipt, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["equal"] and told["told"]["stage"] == home.results[7]["stage"]
    assert cli.main(["replay", "0" * 32]) == 1
    assert "No such receipt is kept" in capsys.readouterr().err


def test_old_receipts_are_pruned_at_the_front_door(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["prune", "--older-than", "0"]) == 1
    assert cli.main(["prune", "--older-than", "1"]) == 0
    assert capsys.readouterr().out == "0 receipts are forgotten.\n"
