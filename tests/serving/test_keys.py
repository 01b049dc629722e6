"""Keys: made and shown once, kept as hashes, two of a name, asked for wherever others can call."""

import os
import re
import subprocess
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sql

import cli
from serving import watching
from serving.admission import Bucket, Door
from serving.bento import Address, BentoError, Listen, serve_newest
from serving.credentials import read_key
from serving.loopback import is_from_here, is_loopback
from serving.nesting import DEEPEST, is_too_deep
from serving.problems import KINDS, RefusalError
from serving.requests import read_json
from serving.routes.web import make_app
from serving.store.keys import (
    SCOPES,
    Key,
    KeysError,
    Wish,
    create_key,
    read_keys,
    revoke_key,
    tell_keys,
)
from serving.store.opened import Store, open_store
from serving.store.schema import KEYS
from tests.serving.keyed import UNKNOWN, name_store

FORM = re.compile(r"patron_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
DAY_US = 86_400_000_000


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path, postgres_url: str) -> Iterator[Store]:
    if request.param == "sqlite":
        made = open_store(name_store(tmp_path))
        yield made
        made.close()
        return
    name = f"patron_keys_{os.getpid()}"
    server = sql.create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(sql.text(f"CREATE DATABASE {name}"))
    made = open_store(f"{postgres_url.rpartition('/')[0]}/{name}")
    yield made
    made.close()
    with server.connect() as connection:
        connection.execute(sql.text(f"DROP DATABASE {name}"))
    server.dispose()


def test_a_key_is_random_and_kept_as_its_hash(store: Store) -> None:
    made = [create_key(store, Wish(f"n{i}", ("scores", "rows"), days=90)) for i in range(20)]
    secrets = [FORM.fullmatch(shown) for _, shown in made]
    assert len({form[2] for form in secrets if form}) == 20
    assert read_keys(store) == sorted((k for k, _ in made), key=lambda k: (k.made_us, k.key_id))
    for key, shown in made:
        assert shown.startswith(f"patron_{key.key_id}_")
        assert key.hash == sha256(shown.encode()).hexdigest()
        assert key.scopes == {"scores", "rows"}
        assert key.expires_us == key.made_us + 90 * DAY_US
    with store.read() as connection:
        rows = str(connection.execute(sql.select(KEYS)).all())
    assert all(form and form[1] in rows and form[2] not in rows for form in secrets)


def test_two_keys_of_a_name_are_for_changing_one_for_the_other(store: Store) -> None:
    wish = Wish("crm", ("scores",))
    first, second = (create_key(store, wish)[0] for _ in range(2))
    with pytest.raises(KeysError, match=f"{first.key_id} and {second.key_id}") as refused:
        create_key(store, wish)
    assert refused.value.to_do == "Revoke the one no longer in use: patron keys revoke ID."
    create_key(store, replace(wish, name="other"))
    assert revoke_key(store, first.key_id) == first
    [revoked] = [key for key in read_keys(store) if key.key_id == first.key_id]
    revoke_key(store, first.key_id)
    assert revoked in read_keys(store)
    third, _ = create_key(store, wish)
    with store.write() as connection:
        connection.execute(sql.update(KEYS).where(KEYS.c.name == "crm").values(expires_us=1))
    fourth, _ = create_key(store, wish)
    assert [key.tell_state(fourth.made_us) for key in (revoked, third, fourth)] == [
        *("revoked", "live", "live")
    ]


def test_of_many_who_make_a_key_at_once_two_succeed(store: Store) -> None:
    def make(_: int) -> bool:
        try:
            create_key(store, Wish("crm", ("scores",)))
        except KeysError:
            return False
        return True

    with ThreadPoolExecutor(6) as threads:
        assert sum(threads.map(make, range(12))) == 2
    assert len(read_keys(store)) == 2


@pytest.mark.parametrize(
    "wish",
    [
        Wish("", ("scores",)),
        Wish("a b", ("scores",)),
        Wish("x" * 65, ("scores",)),
        Wish("a\n", ("scores",)),
        Wish("a", ()),
        Wish("a", ("scores", "all")),
        Wish("a", ("scores",), days=0),
        Wish("a", ("scores",), days=36_501),
        Wish("a", ("scores",), per_second=0),
    ],
    ids=str,
)
def test_a_key_of_no_sense_is_not_made(tmp_path: Path, wish: Wish) -> None:
    made = open_store(name_store(tmp_path))
    with pytest.raises(KeysError):
        create_key(made, wish)
    assert read_keys(made) == []
    made.close()


def test_a_key_ends_when_it_expires_or_is_revoked() -> None:
    key = Key("0" * 12, "n", "h", frozenset(("rows",)), 10, expires_us=20)
    assert [key.is_live(at) for at in (10, 19, 20)] == [True, True, False]
    assert key.tell_state(20) == "expired"
    assert not replace(key, revoked_us=15).is_live(16)
    assert key.may("rows")
    assert not key.may("scores")
    assert Key("0" * 12, "n", "h", frozenset(("admin",)), 10).may("scores")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATRON_HOME", str(tmp_path))
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = cli.main(["keys", *words])
    told = capsys.readouterr()
    return status, told.out, told.err


def test_the_verb_prints_a_key_once(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "There is no key" in run(capsys, "list")[1]
    wish = ("create", "crm", "--scopes", "scores, rows", "--days", "90", "--per-second", "50")
    status, key, beside = run(capsys, *wish)
    form = FORM.fullmatch(key.removesuffix("\n"))
    assert status == 0
    assert form
    assert form[2] not in beside
    assert "only its hash is kept" in beside
    _, told, _ = run(capsys, "list")
    head, row = told.splitlines()
    assert head.split() == ["id", "name", "scopes", "a", "second", "made", "expires", "state"]
    assert row.split()[:4] == [form[1], "crm", "rows,scores", "50"]
    assert row.endswith("live")
    assert form[2] not in told
    assert run(capsys, "revoke", form[1])[1].startswith(f"{form[1]} of crm is revoked;")
    assert run(capsys, "list")[1].splitlines()[1].endswith("revoked")
    status, _, refused = run(capsys, "revoke", "0" * 12)
    assert (status, refused) == (1, "patron: There is no key of this id. See patron keys list.\n")
    status, _, refused = run(capsys, "create", "crm", "--scopes", "everything")
    assert status == 1
    assert refused.startswith("patron: There is no scope everything. Take some of scores, rows,")


def test_a_table_of_keys_holds_no_hash() -> None:
    assert "f00d" not in tell_keys([Key("0" * 12, "n", "f00d", frozenset(("rows",)), 10)])


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "example.invalid"])
def test_without_a_live_key_nobody_else_may_reach_the_service(home: Path, host: str) -> None:
    for live in (False, True):
        store = open_store(name_store(home))
        key, _ = create_key(store, Wish(f"crm{live}", ("scores",)))
        if not live:
            revoke_key(store, key.key_id)
        store.close()
        found = "There is no Bento" if live else "no live key to ask them for"
        with pytest.raises(BentoError if live else KeysError, match=found):
            serve(home, host, live)


def serve(home: Path, host: str, live: bool) -> None:
    """Ask to serve a Bento there is not: what is made up must not be listened on."""
    if live:
        serve_newest(home / "bentos", Listen(Address(host, 0), Address("127.0.0.1", 1)))
    else:
        (home / "bentos" / "bentos" / "patron").mkdir(parents=True)
        (home / "bentos" / "bentos" / "patron" / "latest").write_text("none")
        try:
            serve_newest(home / "bentos", Listen(Address(host, 0), Address("127.0.0.1", 1)))
        finally:
            (home / "bentos" / "bentos" / "patron" / "latest").unlink()


def test_the_verb_serve_says_to_make_a_key(home: Path) -> None:
    (home / "bentos" / "bentos" / "patron").mkdir(parents=True)
    (home / "bentos" / "bentos" / "patron" / "latest").write_text("none")
    command = [sys.executable, "-m", "cli", "serve", "--host", "0.0.0.0", "--port", "0"]
    told = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert told.returncode == 1
    assert told.stderr == (
        "patron: Other machines can reach 0.0.0.0, and the store holds no live key to ask them for."
        " Make one, patron keys create NAME --scopes scores, or listen on 127.0.0.1.\n"
    )


@pytest.mark.parametrize(
    ("host", "alone"),
    [
        *(("127.0.0.1", True), ("127.8.9.1", True), ("::1", True), ("localhost", True)),
        *(("0.0.0.0", False), ("::", False), ("192.0.2.1", False), ("example.invalid", False)),
    ],
)
def test_what_listens_to_this_machine_alone(host: str, alone: bool) -> None:
    assert is_loopback(host) is alone


def come(server: Any, **headers: str) -> dict[str, Any]:
    told = [(n.replace("_", "-").encode(), v.encode()) for n, v in headers.items()]
    return {"path": "/v1/models", "server": server, "headers": told, "app": make_app()}


@pytest.mark.parametrize(
    ("scope", "let"),
    [
        (come(("127.0.0.1", 3000), host="127.0.0.1:3000"), True),
        (come(("127.0.0.1", 3000), host="localhost"), True),
        (come(("127.0.0.1", 3000)), True),
        (come(("127.0.0.1", 3000), host="patron:3000"), True),
        (come(("::1", 3000), host="[::1]:3000"), True),
        (come(("::ffff:127.0.0.1", 3000), host="127.0.0.1"), True),
        (come(("10.1.2.3", 3000), host="127.0.0.1:3000"), False),
        (come(("::ffff:10.1.2.3", 3000), host="127.0.0.1"), False),
        (come(("2001:db8::1", 3000)), False),
        (come(("/run/patron.sock", None)), False),
        (come(None), False),
        (come(("127.0.0.1", 3000), host="scores.example:3000"), False),
        (come(("127.0.0.1", 3000), host="127.0.0.1.example"), False),
        (come(("127.0.0.1", 3000), host="[2001:db8::1]:3000"), False),
        (come(("127.0.0.1", 3000), host="127.0.0.1", x_forwarded_for="192.0.2.7"), False),
        (come(("127.0.0.1", 3000), host="127.0.0.1", forwarded="for=192.0.2.7"), False),
    ],
    ids=str,
)
def test_without_a_key_only_callers_on_this_machine_are_answered(
    scope: dict[str, Any], let: bool
) -> None:
    assert is_from_here(scope) is let
    door = Door()
    if let:
        door.admit(scope)
    else:
        with pytest.raises(RefusalError) as refused:
            door.admit(scope)
        assert refused.value.code == "unauthorized"
        assert "patron keys create" in refused.value.detail
    door.admit(scope | {"path": "/livez"})


def test_dead_keys_open_nothing(tmp_path: Path) -> None:
    store = open_store(name_store(tmp_path))
    key, shown = create_key(store, Wish("crm", ("models",)))
    here = come(("127.0.0.1", 3000), x_api_key=shown)
    door = Door(read_keys(store))
    door.admit(here)
    revoke_key(store, key.key_id)
    door.renew(read_keys(store))
    for scope in (here, come(("127.0.0.1", 3000))):
        with pytest.raises(RefusalError, match="unauthorized"):
            door.admit(scope)
    store.close()


def test_a_route_without_a_scope_is_not_answered() -> None:
    scope = come(("127.0.0.1", 3000)) | {"path": "/v1/forgotten"}
    with pytest.raises(RefusalError, match="not_found"):
        Door().admit(scope)


def test_until_the_keys_are_known_nobody_is_let_in_from_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(watching, "RENEWED_S", 0.05)
    monkeypatch.setattr(watching.LOG, "propagate", True)
    monkeypatch.setattr(watching.LOG.parent, "propagate", True)
    blocked = tmp_path / "patron.db"
    blocked.mkdir()
    door, here, there = Door(None), come(("127.0.0.1", 3000)), come(("10.1.2.3", 3000))
    store = open_store(name_store(tmp_path))
    over = watching.watch_keys(door, store)
    try:
        with pytest.raises(RefusalError) as refused:
            door.admit(there)
        assert refused.value.code == "not_ready"
        door.admit(there | {"path": "/livez"})
        door.admit(here)
        time.sleep(0.3)
        assert caplog.messages == ["The keys cannot be read: StoreError"]
        blocked.rmdir()
        wait_until(lambda: door.keys == {})
        with pytest.raises(RefusalError, match="unauthorized"):
            door.admit(there)
        key, shown = create_key(store, Wish("crm", ("models",)))
        wait_until(lambda: door.keys == {key.key_id: key})
        with pytest.raises(RefusalError, match="unauthorized"):
            door.admit(here)
        with store.write() as connection:
            connection.execute(sql.text("DROP TABLE patron_keys"))
        wait_until(lambda: len(caplog.messages) == 2)
        door.admit(come(("10.1.2.3", 3000), x_api_key=shown))
    finally:
        over.set()
        [thread.join(5) for thread in threading.enumerate() if thread.name == "patron-keys"]
        store.close()


def wait_until(true: Any) -> None:
    end = time.monotonic() + 5
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_keys_are_read_in_their_form_alone() -> None:
    key = f"patron_{'0a' * 6}_{'-_' * 21}A"

    def read(*headers: tuple[str, str]) -> str | None:
        shown = read_key([(n.encode(), v.encode("latin-1")) for n, v in headers])
        return shown.whole.decode() if shown else None

    assert read(("x-api-key", key)) == key
    assert read(("authorization", f"BEARER  {key}")) == key
    pair = b64encode(f"{'0a' * 6}:{key.split('_', 2)[2]}".encode()).decode()
    assert read(("authorization", f"basic {pair}")) == key
    for wrong in (key + "A", key[:-1], key.upper(), key + "\n", key + "é", "", "patron__", " "):
        assert read(("x-api-key", wrong)) is None
        assert read(("x-api-key", wrong), ("authorization", f"Bearer {key}")) is None
    assert read(("authorization", f"Bearer {key}"), ("authorization", f"Bearer {key}")) is None
    assert read(("cookie", key)) is None
    assert read(("x-api-key", UNKNOWN)) == UNKNOWN


def test_a_bucket_holds_one_second_of_calls() -> None:
    bucket = Bucket(10)
    start = bucket.at
    assert sum(bucket.take(start) for _ in range(100)) == 10
    assert not bucket.take(start + 0.05)
    assert bucket.take(start + 0.11)
    assert not bucket.take(start + 0.11)
    assert sum(bucket.take(start + 60) for _ in range(100)) == 10
    steady = sum(bucket.take(start + 100 + i / 1000) for i in range(5000))
    assert 49 <= steady <= 60


def test_what_is_left_of_a_limit_outlives_a_look_at_the_store() -> None:
    key = Key("0" * 12, "n", "h", frozenset(("rows",)), 10, per_second=1)
    door = Door([key])
    assert door.buckets[key.key_id].take(door.buckets[key.key_id].at)
    door.renew([key])
    assert not door.buckets[key.key_id].take(door.buckets[key.key_id].at)
    door.renew([])
    assert door.buckets == {}


def nest(levels: int, inner: bytes = b"1") -> bytes:
    return (
        b'{"a":[' * (levels // 2)
        + b"[" * (levels % 2)
        + inner
        + (b"]" * (levels % 2) + b"]}" * (levels // 2))
    )


def test_how_deep_json_lies_is_told_before_it_is_read() -> None:
    for deep in (0, 1, DEEPEST - 1, DEEPEST):
        assert not is_too_deep(nest(deep))
        read_json(nest(deep))
    for deep in (DEEPEST + 1, DEEPEST + 2, 40, 500, 100_000):
        assert is_too_deep(nest(deep))
        with pytest.raises(RefusalError, match="not_json"):
            read_json(nest(deep))
    sound = [
        b"[" + b",".join([nest(DEEPEST - 1)] * 2000) + b"]",
        b'["' + b"[" * 5000 + b'"]',
        b'["' + b"{" * 40 + b'\\"' + b"[" * 40 + b'"]',
        b"[" + b'"[",' * 100 + nest(DEEPEST - 1) + b"]",
        b'["]","\\\\","["' + b',"["' * 100 + b"]",
        b"[" + b"[]," * 100_000 + b"1]",
    ]
    for body in sound:
        assert not is_too_deep(body)
        read_json(body)
    assert is_too_deep(b'["]",' + b"[" * DEEPEST + b'"["' + b"]" * DEEPEST + b"]")


@pytest.mark.parametrize(
    "body",
    [
        *(b"[" * 4_000_000, b"[" * 2_000_000 + b"]" * 2_000_000, b"[[]" * 1_300_000),
        *(b'"\\' * 2_000_000 + b"[" * 40, b'["]",' * 800_000, b'"' * 4_000_000),
        *(b'["",' * 1_000_000, b"[" + b'"",' * 1_300_000 + b'"[",' + b"[]," * 40),
    ],
    ids=lambda body: body[:8].decode(),
)
def test_telling_the_depth_takes_no_longer_than_a_body_does(body: bytes) -> None:
    began = time.process_time()
    is_too_deep(body)
    assert time.process_time() - began < 2


def test_the_pages_name_every_scope_and_problem() -> None:
    docs = Path(__file__).resolve().parents[2] / "docs"
    keys, serving = ((docs / f"{name}.md").read_text("utf-8") for name in ("keys", "serving"))
    assert not [scope for scope in SCOPES if f"| `{scope}` |" not in keys]
    rows = [f"| {kind.status} | `{code}` |" for code, kind in KINDS.items()]
    assert not [row for row in rows if row not in serving]
