"""A database that cannot be read is told of without its password."""

import traceback

import pytest

from contract.errors import TablesError
from contract.tables import find_tables
from features.engines import open_tables

TO_DO = "Check the URL, that the server runs, and that its driver is installed."


@pytest.mark.parametrize(
    ("url", "driver", "why"),
    [
        ("postgresql+psycopg://u:secret@127.0.0.1:1/x", "postgresql+psycopg", "OperationalError"),
        ("postgresql+psycopg://u:secret@127.0.0.1:port/x", "postgresql+psycopg", "ValueError"),
        ("nope://u:secret@127.0.0.1/x", "nope", "NoSuchModuleError"),
    ],
    ids=["no server", "no port", "no driver"],
)
def test_a_database_that_does_not_answer_is_told_without_its_password(url, driver, why):
    with pytest.raises(TablesError) as refused:
        open_tables(find_tables(url))
    assert str(refused.value) == f"The {driver} database cannot be read ({why}). {TO_DO}"
    assert "secret" not in "".join(traceback.format_exception(refused.value))


def test_a_source_does_not_show_its_url():
    assert "secret" not in repr(find_tables("postgresql://u:secret@host/shop"))
