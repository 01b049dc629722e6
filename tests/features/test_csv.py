"""CSV files are read as they are written, by rules that do not depend on their first rows."""

import pytest

from contract.tables import Tables
from features.engines import read_tables

HEAD = "customer_id,order_id,ordered_at,amount\n"


@pytest.fixture
def ids(engine, tmp_path):
    """The customer and order ids that a CSV file with this text gives."""

    def read(text):
        file = tmp_path / "transactions.csv"
        file.write_bytes(text.encode())
        made = read_tables(Tables({"transactions": file}), engine)["transactions"]
        return made.select("customer_id", "order_id").collect("polars").rows()

    return read


def test_leading_zeros_and_codes_are_kept(ids):
    assert ids(f"{HEAD}007,1e5,2026-01-01,1\n") == [("007", "1e5")]


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(ids):
    text = f"\ufeff{HEAD}a,A,2026-01-01,1\n".replace("\n", "\r\n")
    assert ids(text) == [("a", "A")]


def test_ids_that_begin_with_a_hash_are_no_comments(ids):
    text = "order_id,customer_id,ordered_at,amount\n#1,a,2026-01-01,1\n#2,b,2026-01-01,1\n"
    assert sorted(ids(text)) == [("a", "#1"), ("b", "#2")]


def test_quotes_hold_commas_quotes_and_line_ends(ids):
    assert ids(f'{HEAD}"a, b","say ""A""\nB",2026-01-01,1\n') == [("a, b", 'say "A"\nB')]


def test_single_quotes_are_part_of_the_text(ids):
    assert ids(f"{HEAD}'a','A',2026-01-01,1\n") == [("'a'", "'A'")]


def test_words_for_nothing_are_ids_and_nothing_is_null(ids):
    text = f'{HEAD}NULL,NA,2026-01-01,1\n"",,2026-01-01,1\n'
    assert set(ids(text)) == {("NULL", "NA"), (None, None)}


def test_a_file_with_a_head_only_has_no_rows(ids):
    assert ids(HEAD) == []
