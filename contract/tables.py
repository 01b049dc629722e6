"""The tables of a shop: where it keeps them, and under which names of its own."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from contract.columns import MOST_ATTRIBUTES, TABLES, AttributeKind, Column
from contract.errors import TablesError
from contract.presets import PRESETS


@dataclass(frozen=True)
class SqlTable:
    """A table behind a SQLAlchemy URL, or Spark's JDBC one; never shown, it may hold a password."""

    url: str = field(repr=False)
    name: str


# Beside a typed column `x` stand `x_us` and `x_text`.
ATTRIBUTE_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}(?<!_us)(?<!_text)")

Source = Path | SqlTable | Any  # Any: a frame a data scientist holds (pandas, Polars, Arrow)


class Layout(BaseModel):
    """What a shop's `tables.toml` says: its names, its time zone, what it sells beside goods."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    preset: str | None = Field(None, description="Start from a named layout.")
    files: dict[str, str] = Field({}, description="File, or SQL table, that holds each table.")
    columns: dict[str, dict[str, str]] = Field({}, description="Our column name = the shop's.")
    timezone: str = Field("UTC", description="Zone of times that come without an offset.")
    non_goods: tuple[str, ...] = Field((), description="Product ids that are no goods: postage …")
    attributes: dict[str, AttributeKind] = Field(
        {},
        max_length=MOST_ATTRIBUTES,
        description="Further columns of customers that are features, each `text` or `number`.",
    )

    @field_validator("attributes")
    @classmethod
    def _refuse_names(cls, named: dict[str, AttributeKind]) -> dict[str, AttributeKind]:
        ours = {c.name for table in TABLES.values() for c in table.columns}
        for name in named:
            if name in ours or not ATTRIBUTE_NAME.fullmatch(name):
                found = "is a column of ours" if name in ours else "is no name for one"
                raise TablesError(
                    f"The layout has an attribute {name!r}, which {found}.",
                    "Use small letters, digits and _, up to 63 and not _us or _text at the end,"
                    f' and map it: columns.customers.household_size = "{name}"',
                )
        return named

    @field_validator("timezone")
    @classmethod
    def _refuse_unknown_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"there is no time zone {name!r}") from error
        return name


@dataclass(frozen=True)
class Tables:
    """The tables of one shop: a source for each, and the layout that reads them."""

    sources: Mapping[str, Source]
    layout: Layout = field(default_factory=Layout)


def find_tables(where: str, preset: str | None = None) -> Tables:
    """Return the tables in a folder, a `tables.toml`, or behind a SQL URL."""
    if "://" in where or where.startswith("jdbc:"):
        layout = read_layout(None, preset)
        names = {t: layout.files.get(t, t) for t in TABLES}
        return Tables({t: SqlTable(where, name) for t, name in names.items()}, layout)
    path = Path(where)
    if not path.exists():
        raise TablesError(
            f"There is no folder or file {where}.",
            "Name a folder with transactions.parquet or .csv, a tables.toml, or a SQL URL.",
        )
    folder = path if path.is_dir() else path.parent
    toml = folder / "tables.toml" if path.is_dir() else path
    layout = read_layout(toml if toml.exists() else None, preset)
    sources = {t: f for t in TABLES if (f := _find_file(folder, t, layout))}
    if "transactions" not in sources:
        found = ", ".join(sorted(f.name for f in folder.iterdir() if f.is_file())[:8]) or "no file"
        raise TablesError(
            f"{folder} has no transactions.parquet or transactions.csv; it has {found}.",
            'Rename the file, or name it in tables.toml: files.transactions = "orders.csv".',
        )
    return Tables(sources, layout)


def _find_file(folder: Path, table: str, layout: Layout) -> Path | None:
    if named := layout.files.get(table):
        if not (folder / named).exists():
            raise TablesError(
                f'tables.toml says files.{table} = "{named}", and {folder} has no such file.',
                "Correct the name or remove the line.",
            )
        return folder / named
    candidates = (folder / f"{table}{ending}" for ending in (".parquet", ".csv"))
    return next((f for f in candidates if f.exists()), None)


def read_layout(toml: Path | None, preset: str | None = None) -> Layout:
    """Return the layout of a `tables.toml`, laid over the preset it or the caller names."""
    try:
        given: dict[str, Any] = tomllib.loads(toml.read_text("utf-8")) if toml else {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TablesError(f"{toml} is not valid TOML: {error}.", "Correct it.") from error
    name = preset or given.get("preset")
    if name is not None and str(name) not in PRESETS:
        raise TablesError(
            f"There is no preset {name!r}.", f"Presets are: {', '.join(sorted(PRESETS))}."
        )
    try:
        layout = Layout.model_validate({**PRESETS.get(name or "", {}), **given, "preset": name})
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(map(str, e['loc']))}: {e['msg'].lower()}" for e in error.errors()
        )
        raise TablesError(
            f"{toml} cannot be read: {wrong}.", f"It may hold {', '.join(Layout.model_fields)}."
        ) from error
    _refuse_unknown_names(layout)
    return layout


def _refuse_unknown_names(layout: Layout) -> None:
    for table in [*layout.files, *layout.columns]:
        if table not in TABLES:
            raise TablesError(
                f"tables.toml speaks of a table {table!r}.", f"Tables are: {', '.join(TABLES)}."
            )
    for table, columns in layout.columns.items():
        known = [c.name for c in list_columns(table, layout)]
        for column in columns:
            if column not in known:
                raise TablesError(
                    f"tables.toml maps columns.{table}.{column}, which is not ours.",
                    f"Columns of {table} are: {', '.join(known)}.",
                )


def list_columns(table: str, layout: Layout) -> tuple[Column, ...]:
    """Return the columns of a table: ours, and of customers the layout's attributes too."""
    own = layout.attributes if table == "customers" else {}
    return (*TABLES[table].columns, *(Column(name, kind) for name, kind in own.items()))


def find_columns(table: str, found: list[str], layout: Layout) -> dict[str, str]:
    """Return the shop's column for each of ours that `found` holds; refuse where one must be."""
    mapped = layout.columns.get(table, {})
    names = {c.name: mapped.get(c.name, c.name) for c in list_columns(table, layout)}
    must_have = {*mapped, *layout.attributes, *TABLES[table].must_have}
    for ours, theirs in names.items():
        if theirs not in found and ours in must_have:
            example = next((f for f in found if f not in names.values()), "their_name")
            raise TablesError(
                f"{table} has no column {theirs!r}; it has {', '.join(found)}.",
                f'Map it: columns.{table}.{ours} = "{example}"',
            )
    return {ours: theirs for ours, theirs in names.items() if theirs in found}
