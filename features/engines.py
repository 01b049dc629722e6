"""Open a shop's tables on an engine: named and typed as the contract says, ready for features."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import narwhals.stable.v2 as nw

from contract.columns import TABLES, Column, Table
from contract.errors import TablesError
from contract.tables import Layout, SqlTable, Tables, find_columns, list_columns
from features.databases import fetch

ENGINES = ("polars", "duckdb", "spark")  # each in its features/on_<name>.py, loaded once chosen
JDBC = ("jdbc:", "postgresql")  # URLs of tables that Spark's tasks read themselves
SPARK_NEEDS = "Run pip install 'patron[spark]' and install Java 17 or later (default-jre-headless)."


@dataclass(frozen=True)
class Frames:
    """The contract's tables on one engine; a table the shop has not is empty, a column null."""

    transactions: nw.LazyFrame
    products: nw.LazyFrame
    customers: nw.LazyFrame
    interactions: nw.LazyFrame
    layout: Layout


def open_tables(tables: Tables, engine: str = "polars") -> Frames:
    """Return the tables on the engine, without the rows that cannot be used (see `leave_out`)."""
    return pick_usable(read_tables(tables, engine), tables.layout)


def pick_usable(raw: Mapping[str, nw.LazyFrame], layout: Layout) -> Frames:
    """Return typed tables without the rows that cannot be used."""
    made = {name: leave_out(name, frame, layout) for name, frame in raw.items()}
    return Frames(
        transactions=made["transactions"].rename({"ordered_at_us": "at_us"}),
        interactions=made["interactions"].rename({"occurred_at_us": "at_us"}),
        products=made["products"],
        customers=made["customers"],
        layout=layout,
    )


def read_tables(tables: Tables, engine: str, keep_text: bool = False) -> dict[str, nw.LazyFrame]:
    """Return every table, typed, with all its rows; `keep_text` adds `<column>_text` as it came."""
    opened = {}
    for name, table in TABLES.items():
        source = tables.sources.get(name)
        native = None if source is None else _read(name, source, engine)
        if native is None:
            _refuse_lack(table, tables.layout)
        found = [] if native is None else list(nw.from_native(native).collect_schema())
        names = find_columns(name, found, tables.layout) if found else {}
        typed = [(c, names.get(c.name)) for c in list_columns(name, tables.layout)]
        opened[name] = _engine(engine).type_columns(native, typed, tables.layout, keep_text)
    return opened


def _refuse_lack(table: Table, layout: Layout) -> None:
    if table.required:
        raise TablesError(f"There is no table {table.name}.", "It is the one table Patron needs.")
    if table.name == "customers" and layout.attributes:
        raise TablesError(
            f"There is no table customers to have {', '.join(layout.attributes)}.",
            "Add it, or remove the layout's attributes.",
        )


def leave_out(name: str, frame: nw.LazyFrame, layout: Layout) -> nw.LazyFrame:
    """Return the rows that can be used: with every column the contract requires, and goods only."""
    for column in needed(name):
        frame = frame.filter(~nw.col(column.typed_name).is_null())
    if name == "transactions" and layout.non_goods:
        goods = ~nw.col("product_id").is_in(layout.non_goods)
        frame = frame.filter(goods.fill_null(True))
    return frame


def needed(name: str) -> list[Column]:
    """Return the columns a row of this table must have a value in."""
    return [c for c in TABLES[name].columns if c.required]


def _engine(name: str) -> Any:
    if name not in ENGINES:
        raise TablesError(f"There is no engine {name!r}.", f"Engines: {', '.join(ENGINES)}.")
    try:
        return import_module(f"features.on_{name}")
    except ModuleNotFoundError as error:
        package = str(error.name).partition(".")[0]
        raise TablesError(f"{package} is not installed.", SPARK_NEEDS) from error


def _read(name: str, source: Any, engine: str) -> Any:
    engine_module, sql = _engine(engine), isinstance(source, SqlTable)
    far = sql and engine == "spark" and source.url.startswith(JDBC)
    fetched = fetch(source) if sql and not far else source
    try:
        return engine_module.read(fetched)
    except (TypeError, ValueError) as error:
        raise TablesError(
            f"The frame of {name} cannot be read: {error}.",
            "Give a Polars, pandas or Arrow frame, each column of one type.",
        ) from error
