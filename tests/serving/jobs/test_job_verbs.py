"""The verbs of jobs at the front door: what they print, and what they never do."""

import pytest

import cli
from serving.jobs.sources import Source, add_source
from serving.store.opened import open_store


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("PATRON_HOME", str(tmp_path))
    return tmp_path


def run(capsys, *words):
    status = cli.main(words)
    told = capsys.readouterr()
    return status, told.out, told.err


def test_a_secret_is_printed_alone_and_once(home, capsys):
    status, secret, beside = run(capsys, "webhooks", "create", "https://crm.example/hooks")
    assert status == 0
    assert secret.startswith("whsec_") and len(secret.split()) == 1
    webhook = beside.partition(":")[0]
    status, listed, _ = run(capsys, "webhooks", "list")
    assert webhook in listed and "https://crm.example/hooks" in listed and " live " in listed
    status, second, beside = run(capsys, "webhooks", "rotate", webhook)
    assert second.startswith("whsec_") and second != secret
    assert run(capsys, "webhooks", "revoke", webhook)[0] == 0
    status, _, said = run(capsys, "webhooks", "revoke", webhook)
    assert (status, "no live webhook" in said) == (1, True)
    assert secret.strip() not in listed + run(capsys, "webhooks", "list")[1]
    status, _, said = run(capsys, "webhooks", "create", "http://crm.example/hooks")
    assert (status, "not https" in said) == (1, True)


def test_a_source_is_tables_that_there_are_and_its_password_is_not_told(home, capsys):
    (home / "shop").mkdir()
    lines = "customer_id,order_id,ordered_at,amount\nC-1,1,2026-05-01,9\n"
    (home / "shop" / "transactions.csv").write_text(lines)
    assert run(capsys, "sources", "add", "shop", str(home / "shop"))[0] == 0
    assert run(capsys, "sources", "add", "none", str(home / "none"))[0] == 1
    assert run(capsys, "sources", "add", "store", str(home / "shop"))[0] == 1
    store = open_store(f"sqlite:///{home / 'patron.db'}")
    add_source(store, Source("base", "postgresql+psycopg://shop:secret-word@db/shop", None))
    store.close()
    _, listed, _ = run(capsys, "sources", "list")
    assert [line.split()[0] for line in listed.splitlines()] == ["base", "shop"]
    assert str(home / "shop") in listed and "secret-word" not in listed
    assert run(capsys, "sources", "remove", "shop")[0] == 0
    assert run(capsys, "sources", "remove", "shop")[0] == 1
