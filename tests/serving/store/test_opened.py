"""The store's tables on both databases: made, brought up to date, shared, and away."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sql
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from serving.store.opened import StoreError, open_store
from serving.store.rows import add_transactions, read_stored
from serving.store.schema import META, TRANSACTIONS

LINE = {"told_id": "t", "customer_id": "c", "order_id": "o", "at_us": 1, "amount": 1.0}


def test_migrations_make_just_the_tables_that_the_code_speaks_of(store):
    with store.read() as connection:
        made = sql.inspect(connection).get_table_names()
        context = MigrationContext.configure(connection, opts={"compare_type": True,
                                             "version_table": "patron_version"})  # fmt: skip
        assert compare_metadata(context, META) == []
    assert {name for name in made if name.startswith("patron_")} == {*META.tables, "patron_version"}


def test_what_was_written_is_there_when_it_is_opened_again(store, url):
    with store.write() as connection:
        add_transactions(connection, [LINE])
    again = open_store(url)
    with again.read() as connection:
        assert [line.order_id for line in read_stored(connection, ["c"])["c"].lines] == ["o"]
    again.close()


def test_several_that_open_it_at_once_make_one_set_of_tables(store, url):
    with store.write() as connection:
        META.drop_all(connection)
        connection.exec_driver_sql("DROP TABLE patron_version")
    with ThreadPoolExecutor(4) as pool:
        stores = list(pool.map(open_store, [url] * 4))

        def write(at: int) -> None:
            with stores[at].write() as connection:
                add_transactions(connection, [{**LINE, "told_id": f"t{at}"}])

        list(pool.map(write, range(4)))
    with stores[0].read() as connection:
        assert (
            connection.execute(sql.select(sql.func.count()).select_from(TRANSACTIONS)).scalar() == 4
        )
        connection.rollback()
    for store in stores:
        with store.write() as connection:
            connection.execute(TRANSACTIONS.delete())
        store.close()


def test_what_fails_half_way_leaves_nothing(store):
    with pytest.raises(ZeroDivisionError), store.write() as connection:
        add_transactions(connection, [LINE])
        1 / 0  # noqa: B018
    with store.read() as connection:
        assert read_stored(connection, ["c"]) == {}


@pytest.mark.parametrize(
    "url",
    ["postgresql+psycopg://postgres:secret-word@127.0.0.1:1/none", "sqlite:////dev/null/no.db"],
)
def test_a_store_that_is_away_is_told_without_its_address(url):
    with pytest.raises(StoreError) as refused:
        store = open_store(url)
        with store.read():
            pass
    assert "secret-word" not in str(refused.value)
    assert "PATRON_STORE" in refused.value.to_do
