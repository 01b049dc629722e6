"""The service swaps models without a failed request, refuses bad ones, and needs no MLflow."""

import json
import logging
import shutil
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from prometheus_client import REGISTRY

from contract.bundle import Bundle, load_bundle, save_bundle
from contract.following import Follower
from contract.registry import Registry, open_registry
from contract.releases import News, Releases
from contract.settings import Settings
from contract.versions import Version
from serving.routes.scores import answer
from serving.scorer import Scorer
from serving.swap import Swap, load_scorer
from tests.serving.registered import (
    SPOILT,
    TARGETS,
    flip_a_bit,
    make_pair,
    mlflow_server,
    promote,
    register,
    register_folder,
)
from tests.serving.running import assert_problem, find_port, following, parse, read_metrics

ORDERS = [
    {"order_id": str(i), "ordered_at": f"2026-0{i}-11T10:00:00Z", "amount": 30 + i}
    for i in (1, 2, 5)
]
QUESTION = {
    "as_of": "2026-06-01T00:00:00Z",
    "records": [{"customer_id": "c", "transactions": ORDERS}, {"customer_id": "d"}],
}
BODY = json.dumps(QUESTION).encode()
JSON = {"content-type": "application/json"}

Told = dict[tuple[str, str], list[Any]]


def tell(results: list[dict[str, Any]]) -> Told:
    """Return each record's answer by the target and sha256 that it names."""
    named = [{m["target"]: m["sha256"] for m in r["models"]} for r in results]
    assert all(n == named[0] for n in named)
    return {(t, sha): [r.get(t) for r in results] for t, sha in named[0].items()}


def recompute(bundles: dict[str, Bundle]) -> Told:
    said = answer(BODY, Scorer(bundles), "offline")
    return tell(json.loads(said.model_dump_json(exclude_none=True))["results"])


def count_refusals() -> float:
    return REGISTRY.get_sample_value("patron_model_refusals_total") or 0.0


@pytest.fixture
def swap(tmp_path: Path) -> Swap:
    releases = Releases(tmp_path / "releases")
    first, second = make_pair(tmp_path / "pair")
    for name, bundles in (("first", first), ("second", second)):
        with releases.gather() as folder:
            for target, bundle in bundles.items():
                save_bundle(bundle, folder / target / "1")
            releases.finish(folder, name)
    releases.point("first")
    made = Swap(releases.current, SimpleNamespace(scorer=None, reasons=[]))
    assert made.look()
    return made


def test_one_reference_is_swapped_when_the_link_moves(swap: Swap) -> None:
    first = swap.state.scorer
    assert not swap.look()
    assert swap.state.scorer is first
    swap.releases.point("second")
    assert swap.look()
    assert swap.state.scorer is not first
    assert swap.state.reasons == []


@pytest.mark.parametrize("spoil", SPOILT, ids=lambda spoil: spoil.__name__)
def test_a_bad_release_is_refused_and_the_old_one_answers_on(
    swap: Swap,
    spoil: Callable[[Path, Path], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(logging.getLogger("bentoml"), "propagate", True)
    first, before = swap.state.scorer, count_refusals()
    spoil(swap.releases.folder / "second" / "churn" / "1", tmp_path / "canary")
    swap.releases.point("second")
    assert not swap.look() and not swap.look()
    assert swap.state.scorer is first
    assert SPOILT[spoil] in swap.state.reasons[0]
    assert count_refusals() == before + 1
    assert not (tmp_path / "canary").exists()
    [logged] = caplog.records
    assert logged.getMessage().startswith("Models are refused, those before them go on (bundle): ")
    assert logged.exc_info is None
    swap.releases.point("first")
    assert swap.look()
    assert swap.state.reasons == []


def test_what_the_follower_refused_is_told_and_counted_once(swap: Swap) -> None:
    before = count_refusals()
    for refusals, counted in ((2, 2), (2, 2), (3, 3), (0, 3), (1, 4)):
        swap.releases.tell(News(reason="amiss", refusals=refusals))
        assert not swap.look()
        assert count_refusals() == before + counted
        assert swap.state.reasons == ["amiss"]


def test_a_folder_that_is_no_link_is_loaded_once(tmp_path: Path) -> None:
    make_pair(tmp_path / "bundles")
    swap = Swap(tmp_path / "bundles", SimpleNamespace(scorer=None, reasons=[]))
    assert swap.look()
    shutil.rmtree(tmp_path / "bundles" / "churn")
    assert not swap.look()
    assert set(swap.state.scorer.bundles) == set(TARGETS)


@dataclass
class Traffic:
    """Callers who ask without a pause, and what they were told."""

    client: httpx.Client
    expected: Told
    statuses: list[int] = field(default_factory=list)
    wrong: list[Any] = field(default_factory=list)
    seen: set[tuple[str, str]] = field(default_factory=set)
    stop: Event = field(default_factory=Event)

    def ask(self) -> None:
        with httpx.Client(base_url=self.client.base_url, timeout=30) as client:
            while not self.stop.is_set():
                try:
                    said = client.post("/v1/scores", content=BODY, headers=JSON)
                except httpx.HTTPError as error:
                    self.wrong.append(repr(error))
                    continue
                self.statuses.append(said.status_code)
                told = tell(parse(said.text)["results"]) if said.status_code == 200 else {}
                self.seen |= told.keys()
                if any(self.expected.get(named) != answers for named, answers in told.items()):
                    self.wrong.append(said.text)
                if not told:
                    self.wrong.append(said.text)

    def __enter__(self) -> "Traffic":
        self.threads = [Thread(target=self.ask) for _ in range(2)]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join(30)


def versions(client: httpx.Client) -> dict[str, str]:
    said = client.get("/v1/models")
    return {m["target"]: m["version"] for m in parse(said.text)["models"]}


def wait(found: Callable[[], bool], seconds: float) -> float:
    """Return how long it took until it was found."""
    began = time.monotonic()
    while not found():
        assert time.monotonic() < began + seconds, f"not within {seconds} s"
        time.sleep(0.02)
    return time.monotonic() - began


def ready(client: httpx.Client) -> dict[str, Any]:
    said = client.get("/readyz")
    assert said.status_code == 200, said.text
    told: dict[str, Any] = parse(said.text)
    return told


def median_ms(client: httpx.Client, times: int) -> float:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        assert client.post("/v1/scores", content=BODY, headers=JSON).status_code == 200
        taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken)


@dataclass
class House:
    """A registry's database with two versions of each target, and a server of it to come."""

    home: Path
    port: int
    registry: Registry  # asked without the server, so that champions can change faster
    pair: list[dict[str, Bundle]]

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture
def house(
    new_home: Callable[..., Settings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> House:
    """The first versions are champions, and were fetched once."""
    settings = new_home(tmp_path)
    monkeypatch.chdir(tmp_path)
    registry, pair = open_registry(settings), make_pair(tmp_path / "pair")
    for target in TARGETS:
        promote(registry, register(registry, pair[0][target], tmp_path / "first" / target))
    releases = Releases(settings.releases)
    Follower(lambda: registry, releases, load_scorer, print).look()
    assert releases.find_current()
    return House(tmp_path, find_port(), registry, pair)


def test_models_change_under_traffic_while_mlflow_comes_and_goes(
    house: House, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with ExitStack() as stack:
        old, log = stack.enter_context(following(house.home, house.uri))
        new, _ = stack.enter_context(following(tmp_path_factory.mktemp("new"), house.uri))
        see_it_start_without_mlflow(old, new)
        kill = stack.enter_context(mlflow_server(house.home, house.port))
        took = wait(lambda: new.get("/readyz").status_code == 200, 10)
        print(f"Ready {took:.1f} s after MLflow was there.")
        wait(lambda: "stale" not in ready(old), 10)
        assert versions(new) == versions(old) == dict.fromkeys(TARGETS, "1")
        see_models_change(house, old)
        see_it_go_on_without_mlflow(old, kill)
        assert log.read_text().count("MLflow cannot be asked") == 2
        assert "Traceback" not in log.read_text()


def see_it_start_without_mlflow(old: httpx.Client, new: httpx.Client) -> None:
    told = ready(old)  # by what was fetched last
    assert told["targets"] == list(TARGETS)
    assert told["stale"] is True
    assert median_ms(old, 5) > 0
    assert new.get("/livez").status_code == 200
    wait(lambda: "MLflow cannot be asked" in new.get("/readyz").text, 30)
    problem = assert_problem(new.get("/readyz"), 503, "not_ready")
    assert "There is no model in" in problem["reasons"][0]
    assert problem["reasons"][1].startswith("MLflow cannot be asked")
    asked = new.post("/v1/scores", content=BODY, headers=JSON)
    assert_problem(asked, 503, "not_ready")
    assert "patron_model_refusals_total 0.0" in read_metrics(new)


def see_models_change(house: House, client: httpx.Client) -> None:
    """Change champions back and forth under traffic, and promote a broken one."""
    served = open_registry(Settings(home=house.home, MLFLOW_TRACKING_URI=house.uri))
    second = {t: register(served, b, house.home / "second" / t) for t, b in house.pair[1].items()}
    expected = recompute(house.pair[0])
    expected |= recompute({t: load_bundle(house.home / "second" / t) for t in TARGETS})
    with Traffic(client, expected) as traffic:
        taken = [flip(house, client, second, i) for i in range(20)]
        refuse_one(house, client)
        wait(lambda: len(traffic.statuses) >= 500, 60)
    assert traffic.wrong == []
    assert set(traffic.statuses) == {200}
    assert traffic.seen == set(expected)
    print(f"{len(traffic.statuses)} requests; {statistics.median(taken):.2f} s until a swap.")


def flip(house: House, client: httpx.Client, second: dict[str, Version], i: int) -> float:
    """Promote or go back, one target after the other; return the seconds until it serves."""
    target, on = TARGETS[i % 2], i // 2 % 2 == 0
    if on:
        promote(house.registry, second[target])
    else:
        house.registry.rollback(target)
    return wait(lambda: versions(client)[target] == ("2" if on else "1"), 15)


def refuse_one(house: House, client: httpx.Client) -> None:
    before, folder = versions(client), house.home / "spoilt"
    spoilt = save_bundle(house.pair[0]["churn"], folder)
    flip_a_bit(folder, folder)
    promote(house.registry, register_folder(house.registry, folder, spoilt, {}))
    wait(lambda: ready(client).get("stale", False), 15)
    [reason] = ready(client)["reasons"]
    assert SPOILT[flip_a_bit] in reason
    assert versions(client) == before
    assert "patron_model_refusals_total 1.0" in read_metrics(client)
    house.registry.rollback("churn")
    wait(lambda: "stale" not in ready(client), 15)


def see_it_go_on_without_mlflow(client: httpx.Client, kill: Callable[[], None]) -> None:
    with_mlflow = min(median_ms(client, 25) for _ in range(3))  # the machine has other work too
    kill()
    wait(lambda: ready(client).get("stale", False), 15)
    [reason] = ready(client)["reasons"]
    assert reason.startswith("MLflow cannot be asked which models are champions")
    assert "patron_models_stale 1.0" in read_metrics(client)
    without = min(median_ms(client, 25) for _ in range(3))
    print(f"Median {with_mlflow:.1f} ms with MLflow, {without:.1f} ms without.")
    assert without < 1.5 * with_mlflow + 3
