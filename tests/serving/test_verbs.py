"""Webhooks and privacy from the front door."""

import json

import pytest

import cli
from contract.settings import read_settings
from serving.store import inbox
from serving.store.opened import open_store


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run a verb at a home of its own, and return what it prints, or what it refuses with."""
    monkeypatch.setenv("PATRON_HOME", str(tmp_path))

    def run_verb(*words, refused=False):
        assert cli.main(list(words)) == int(refused)
        told = capsys.readouterr()
        return told.err if refused else told.out

    return run_verb


def keep(*bodies):
    store = open_store(read_settings().store_url)
    for body in bodies:
        with store.write() as connection:
            inbox.keep(connection, "odoo", json.dumps(body).encode())
    store.close()


def sell(number, customer):
    return {"_model": "sale.order", "_id": number, "partner_id": customer, "amount_total": 1}


def list_rows(told):
    head, *rows = (line.split() for line in told.splitlines())
    return {row[0]: dict(zip(head, row, strict=True)) for row in rows}


def test_an_address_is_made_listed_and_ended(run, tmp_path):
    path = run("hooks", "create", "odoo", "--form", "odoo").strip()
    assert path.startswith("/v1/hooks/odoo/") and len(path.rpartition("/")[2]) == 43
    secret = tmp_path / "secret.txt"
    secret.write_text("known to the crm\n")
    run("hooks", "create", "espo", "--form", "espocrm", "--secret-file", str(secret))
    keep(sell(1, "a"), sell(2, "b"), {"_model": "product"})
    waiting = list_rows(run("hooks", "list"))["odoo"]
    assert (waiting["came"], waiting["waiting"], waiting["rows"]) == ("3", "3", "0")
    assert run("hooks", "drain") == "3 bodies read\n"
    listed = list_rows(run("hooks", "list"))
    assert (listed["odoo"]["waiting"], listed["odoo"]["rows"]) == ("0", "2")
    assert listed["odoo"]["faulty"] == "1"
    assert (listed["odoo"]["signed"], listed["espo"]["signed"]) == ("False", "True")
    assert run("hooks", "revoke", "odoo") == "The address of odoo is no more.\n"
    assert list_rows(run("hooks", "list"))["odoo"]["revoked"] == "True"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["create", "x", "--form", "sap"], "There is no form 'sap'. There are plain, odoo,"),
        (["create", "X", "--form", "odoo"], "The source has a wrong name."),
        (["create", "x", "--form", "odoo", "--secret", "s"], "no use to the form odoo"),
        (["create", "x", "--form", "frappe", "--secret", ""], "no use to the form frappe"),
        (["create", "x", "--form", "frappe", "--secret-file", "nowhere"], "nowhere cannot be used"),
        (["revoke", "nobody"], "nobody has no address. See patron hooks list."),
    ],
)
def test_what_cannot_be_is_told_in_one_line(run, words, told):
    said = run("hooks", *words, refused=True)
    assert told in said
    assert said.startswith("patron: ") and said.count("\n") == 1


def test_a_customer_is_exported_erased_and_gone(run, tmp_path):
    run("hooks", "create", "odoo", "--form", "odoo")
    keep(sell(1, "Jane-1042"), sell(2, "Joan-7"))
    held = json.loads(run("privacy", "export", "Jane-1042"))
    assert [row["order_id"] for row in held["transactions"]] == ["1"]
    gone = json.loads(run("privacy", "erase", "Jane-1042", "no\tbody"))
    assert [r["customer_id"] for r in gone["results"]] == ["Jane-1042", "no\tbody"]
    rows = {one["table"]: one["rows"] for one in gone["results"][0]["deleted"]}
    assert rows["transactions"] == 1
    assert run("privacy", "clean") == "Nothing deleted is left in the database.\n"
    assert "erased_at" in json.loads(run("privacy", "export", "Jane-1042"))
    files = b"".join(f.read_bytes() for f in tmp_path.glob("patron.db*"))
    assert b"Jane-1042" not in files and b"Joan-7" in files
