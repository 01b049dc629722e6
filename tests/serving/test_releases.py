"""Releases follow a real registry; what is not whole, not ours or not for us never serves."""

import os
import pickle
import shutil
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from types import SimpleNamespace

import httpx
import pytest

from contract.bundle import Bundle, load_bundle, load_bundles, save_bundle
from contract.errors import RegistryError
from contract.following import Follower
from contract.registry import CHAMPION, Registry, open_registry
from contract.releases import KEPT, News, Releases
from contract.settings import Settings
from serving.swap import Swap, load_scorer
from tests.serving.registered import (
    SPOILT,
    make_pair,
    plant_a_pickle,
    promote,
    register,
    register_folder,
)
from tests.serving.running import find_port


@dataclass
class Shop:
    """A registry with champions, and a follower of it that heard nothing yet."""

    registry: Registry
    releases: Releases
    pair: list[dict[str, Bundle]]
    home: Path
    said: list[str]
    follower: Follower

    def follow(self) -> Follower:
        """Return a new follower of the same registry and releases."""
        return Follower(self.open, self.releases, load_scorer, self.said.append)

    def open(self) -> Registry:
        return self.registry

    def versions(self) -> dict[str, str]:
        return {t: b.version for t, b in load_bundles(self.releases.current).items()}

    def artifacts(self, name: str = "model.ubj") -> list[Path]:
        """Return the registry's own copies of a file, the oldest first."""
        found = (self.home / "mlruns").rglob(f"bundle/{name}")
        return sorted(found, key=lambda f: f.stat().st_mtime)


@pytest.fixture
def shop(
    new_home: Callable[..., Settings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Shop:
    settings = new_home(tmp_path / "home")
    monkeypatch.chdir(settings.home)  # where MLflow puts artifacts of a local database
    registry = open_registry(settings)
    pair = make_pair(tmp_path / "pair")
    for target, bundle in pair[0].items():
        promote(registry, register(registry, bundle, tmp_path / "first" / target))
    made = Shop(registry, Releases(settings.releases), pair, settings.home, [], None)  # type: ignore[arg-type]
    made.follower = made.follow()
    return made


def test_champions_come_to_serve_and_are_followed(shop: Shop, tmp_path: Path) -> None:
    shop.follower.look()
    assert shop.versions() == {"churn": "1", "next_purchase": "1"}
    assert shop.releases.read_news() == News()
    before = shop.releases.find_current()
    promote(shop.registry, register(shop.registry, shop.pair[1]["churn"], tmp_path / "second"))
    for _ in range(3):
        shop.follower.look()
    assert shop.versions() == {"churn": "2", "next_purchase": "1"}
    assert shop.said == [
        "Champions: churn 1, next_purchase 1.",
        "The registry answers, and its champions serve.",
        "Champions: churn 2, next_purchase 1.",
    ]
    # Going back needs no artifact.
    for file in shop.artifacts():
        file.unlink()
    shop.registry.rollback("churn")
    shop.follower.look()
    assert shop.releases.find_current() == before
    assert shop.releases.read_news() == News()


@pytest.mark.parametrize("spoil", SPOILT, ids=lambda spoil: spoil.__name__)
def test_what_is_spoilt_in_the_registry_never_serves(
    shop: Shop, tmp_path: Path, spoil: Callable[[Path, Path], None]
) -> None:
    shop.follower.look()
    before, canary = shop.releases.find_current(), tmp_path / "canary"
    folder = tmp_path / "spoilt"
    saved = load_bundle(shop.releases.current / "churn" / "1")
    shutil.copytree(shop.releases.current / "churn" / "1", folder)
    spoil(folder, canary)
    promote(shop.registry, register_folder(shop.registry, folder, saved, {}))
    for _ in range(3):
        shop.follower.look()
    assert not canary.exists()
    news = shop.releases.read_news()
    assert news.reason.startswith("The champion churn 2 is refused, and churn 1 goes on: ")
    assert SPOILT[spoil] in news.reason
    assert news.refusals == 1
    assert shop.said[2:] == [news.reason]
    assert shop.releases.find_current() == before
    assert {f.name for f in shop.releases.folder.iterdir()} == {before, "current", "news.json"}
    shop.registry.rollback("churn")
    shop.follower.look()
    assert shop.releases.read_news() == News(refusals=1)


@pytest.mark.parametrize("spoil", SPOILT, ids=lambda spoil: spoil.__name__)
def test_one_bad_champion_stays_behind_and_the_others_go_on(
    shop: Shop, tmp_path: Path, spoil: Callable[[Path, Path], None]
) -> None:
    shop.follower.look()
    first, folder = shop.releases.find_current(), tmp_path / "spoilt"
    kept = load_bundles(shop.releases.current)["churn"].sha256
    saved = save_bundle(shop.pair[1]["churn"], folder)
    spoil(folder, tmp_path / "canary")
    promote(shop.registry, register_folder(shop.registry, folder, saved, {}))
    second = register(shop.registry, shop.pair[1]["next_purchase"], tmp_path / "second")
    promote(shop.registry, second)
    swap = Swap(shop.releases.current, SimpleNamespace(scorer=None, reasons=[]))
    for _ in range(2):
        shop.follower.look()
    assert not (tmp_path / "canary").exists()
    assert shop.versions() == {"churn": "1", "next_purchase": "2"}
    # What the service answers by, and what it tells at /readyz.
    assert swap.look()
    assert {t: b.version for t, b in swap.state.scorer.bundles.items()} == shop.versions()
    assert swap.state.scorer.bundles["churn"].sha256 == kept
    [reason] = swap.state.reasons
    assert reason.startswith("The champion churn 2 is refused, and churn 1 goes on: ")
    assert SPOILT[spoil] in reason
    assert shop.releases.read_news() == News(reason=reason, refusals=1)
    assert shop.said[2:] == ["Serving now: next_purchase 2, churn 1.", reason]
    # The same at the next start: nothing changes, and it is said why.
    link = shop.releases.current.lstat()
    shop.follow().look()
    assert shop.releases.current.lstat() == link
    assert shop.releases.read_news() == News(reason=reason, refusals=1)
    shop.registry.rollback("churn")
    shop.follower.look()
    assert shop.versions() == {"churn": "1", "next_purchase": "2"}
    assert shop.releases.read_news() == News(refusals=1)
    assert swap.look()
    assert swap.state.reasons == []
    shop.registry.rollback("next_purchase")
    shop.follower.look()
    assert shop.releases.find_current() == first


def test_a_first_release_is_of_all_champions_or_there_is_none(shop: Shop, tmp_path: Path) -> None:
    file = shop.artifacts()[0]
    file.write_bytes(file.read_bytes()[:-1])
    shop.follower.look()
    assert shop.releases.find_current() == ""
    news = shop.releases.read_news()
    assert news.reason.startswith("The newest champions are refused: model.ubj in the bundle of ")
    assert news.refusals == 1
    assert [f.name for f in shop.releases.folder.iterdir()] == ["news.json"]


def test_a_bad_champion_of_a_new_target_serves_nowhere(shop: Shop, tmp_path: Path) -> None:
    shop.registry.client.delete_registered_model_alias("patron-next_purchase", CHAMPION)
    shop.follower.look()
    assert shop.versions() == {"churn": "1"}
    folder = tmp_path / "spoilt"
    saved = save_bundle(shop.pair[1]["next_purchase"], folder)
    plant_a_pickle(folder, tmp_path / "canary")
    promote(shop.registry, register_folder(shop.registry, folder, saved, {}))
    promote(shop.registry, register(shop.registry, shop.pair[1]["churn"], tmp_path / "second"))
    shop.follower.look()
    assert shop.versions() == {"churn": "2"}
    news = shop.releases.read_news()
    assert "The champion next_purchase 2 is refused, and none served before it: " in news.reason


def test_a_bundle_that_is_whole_but_another_is_refused(shop: Shop, tmp_path: Path) -> None:
    shop.follower.look()
    folder = tmp_path / "forged"
    forged = save_bundle(shop.pair[1]["churn"], folder)
    promote(shop.registry, register_folder(shop.registry, folder, forged, {"sha256": "0" * 64}))
    shop.follower.look()
    news = shop.releases.read_news()
    assert "churn version 2 holds another bundle than was registered" in news.reason
    assert news.refusals == 1
    assert shop.versions()["churn"] == "1"


def test_the_planted_pickle_would_act_where_it_is_loaded(tmp_path: Path) -> None:
    plant_a_pickle(tmp_path, tmp_path / "canary")
    pickle.loads((tmp_path / "model.pkl").read_bytes())
    assert (tmp_path / "canary").exists()


def test_what_was_refused_is_fetched_again_once_it_may_be_whole(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.follower.look()
    promote(shop.registry, register(shop.registry, shop.pair[1]["churn"], tmp_path / "second"))
    file = shop.artifacts()[-1]
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])
    shop.follower.look()
    file.write_bytes(whole)
    shop.follower.look()
    assert shop.versions()["churn"] == "1"
    monkeypatch.setattr("contract.following.AGAIN_S", 0.0)
    shop.follower.look()
    assert shop.versions()["churn"] == "2"
    assert shop.releases.read_news() == News(refusals=1)


def find_link(shop: Shop) -> tuple[int, int]:
    """Return what tells one link from the next; reading one changes when it was read."""
    told = shop.releases.current.lstat()
    return told.st_ino, told.st_mtime_ns


def test_a_release_that_rots_on_disk_is_fetched_anew_at_the_next_start(shop: Shop) -> None:
    shop.follower.look()
    link = find_link(shop)
    shop.follow().look()
    assert find_link(shop) == link  # nothing to load anew
    file = shop.releases.current / "churn" / "1" / "model.ubj"
    file.write_bytes(file.read_bytes()[:-1])
    shop.follow().look()
    assert shop.versions() == {"churn": "1", "next_purchase": "1"}
    assert find_link(shop) != link
    assert any("A release is fetched anew: model.ubj" in told for told in shop.said)


def test_nothing_promoted_is_said(
    new_home: Callable[..., Settings], tmp_path: Path, shop: Shop
) -> None:
    settings = new_home(tmp_path / "empty")
    shop.registry = open_registry(settings)
    shop.releases = Releases(settings.releases)
    shop.follow().look()
    assert shop.said == ["No model has been promoted. Run patron train, then promote."]
    assert shop.releases.find_current() == ""


@pytest.mark.parametrize("answering", [False, True], ids=["nobody listens", "it hangs"])
def test_mlflow_away_costs_seconds_and_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answering: bool
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    port, said, stop = find_port(), [], Event()  # type: tuple[int, list[str], Event]
    settings = Settings(home=tmp_path, MLFLOW_TRACKING_URI=f"http://127.0.0.1:{port}")
    follower = Follower(lambda: open_registry(settings), Releases(tmp_path), print, said.append)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", port))
        if answering:
            silent.listen()
        thread = Thread(target=follower.follow, args=(stop, 0.1))
        thread.start()
        time.sleep(0.2)
        began = time.monotonic()
        while not said and time.monotonic() < began + 20:
            time.sleep(0.05)
        time.sleep(1)
        stop.set()
        thread.join(10)
    assert not thread.is_alive()
    assert said == [
        "MLflow cannot be asked which models are champions (MlflowException). "
        "See that it runs; the models that were fetched last go on serving."
    ]
    assert Releases(tmp_path).read_news().reason == said[0]


def test_a_registry_that_fails_oddly_ends_nothing(shop: Shop) -> None:
    shop.follower.look()

    def fail() -> Registry:
        raise httpx.ReadError("secret")

    odd = Follower(fail, shop.releases, load_scorer, shop.said.append)
    odd.look()
    assert "MLflow cannot be asked" in shop.said[-1]
    assert "secret" not in shop.said[-1]
    assert shop.versions() == {"churn": "1", "next_purchase": "1"}


def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    releases = Releases(tmp_path / "releases")
    with pytest.raises(RegistryError), releases.gather() as folder:
        (folder / "half").touch()
        raise RegistryError("gone")
    assert list(releases.folder.iterdir()) == []


def test_the_newest_and_the_current_release_are_kept(tmp_path: Path) -> None:
    releases = Releases(tmp_path)
    for name in ("first", *"abcdefgh"):
        with releases.gather() as folder:
            releases.finish(folder, name)
    releases.point("first")
    os.utime(tmp_path / "first", (1, 1))
    (tmp_path / "x.unfinished").mkdir()
    (tmp_path / "y.unfinished").mkdir()
    os.utime(tmp_path / "y.unfinished", (1, 1))
    releases.tidy()
    kept = {f.name for f in tmp_path.iterdir()}
    assert kept == {"first", "current", "x.unfinished", *"abcdefgh"[-KEPT:]}


def test_who_follows_the_link_always_finds_a_whole_release(tmp_path: Path) -> None:
    releases, stop = Releases(tmp_path), Event()
    for name in "ab":
        with releases.gather() as folder:
            (folder / "name").write_text(name)
            releases.finish(folder, name)
    releases.point("a")

    def flip() -> None:
        while not stop.is_set():
            for name in "ba":
                releases.point(name)

    thread = Thread(target=flip)
    thread.start()
    try:
        found = {(releases.current / "name").read_text() for _ in range(3000)}
    finally:
        stop.set()
        thread.join()
    assert found == {"a", "b"}
