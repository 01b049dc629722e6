"""Erase a customer, or tell all that is held on one."""

import asyncio
import base64
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field, create_model
from sqlalchemy import BigInteger, Column, Double, LargeBinary, Table
from starlette.requests import Request
from starlette.responses import Response

from contract.moments import EPOCH
from serving.privacy import LEFT, erase_customers, export_customer
from serving.requests import Name, read_form, require_json
from serving.routes.records import Asked
from serving.routes.stored import find_store
from serving.routes.told import REFUSALS, describe
from serving.store.opened import Store
from serving.store.privacy import HELD, ROWS

ROUTER = APIRouter(tags=["privacy"])

MOMENT = "_us"
# What a column is called outside, where that is neither its own name nor that with _at for _us.
NAMES = {
    ("transactions", "at_us"): "ordered_at",
    ("interactions", "at_us"): "occurred_at",
    ("interactions", "amount"): "value",
    ("customers", "since_us"): "since",
    ("customers", "valid_from_us"): "valid_from",
    ("answers", "as_of_us"): "as_of",
    ("receipts", "as_of_us"): "as_of",
}


class Erasures(Asked):
    """Whom to erase."""

    customer_ids: list[Name] = Field(min_length=1, max_length=100)


class Deleted(BaseModel):
    """How many rows went from a table."""

    table: str
    rows: int


class Erased(BaseModel):
    """That nothing is held on a customer, and nothing will be."""

    customer_id: str
    status: Literal["ok"] = "ok"
    deleted: list[Deleted]


class ErasedCustomers(BaseModel):
    """Who was erased, in the order they were told."""

    request_id: str
    results: list[Erased]
    warnings: list[str]


class Export(Asked):
    """On whom to tell all that is held, and from where on."""

    customer_id: Name
    cursor: Annotated[str, Field(pattern=r"^[0-9]{1,12}$")] | None = None


def describe_rows(name: str, table: Table) -> type[BaseModel]:
    """Return the form of a table's rows: what it has of each column, with a plain name."""
    columns: dict[str, Any] = {
        find_name(name, c): (_find_type(c) | None, None) for c in _list_columns(table)
    }
    return create_model(f"Held{name.title().replace('_', '')}", **columns)


def find_name(table: str, column: Column) -> str:
    """Return what the column is called outside."""
    name = column.name
    plain = f"{name.removesuffix(MOMENT)}_at" if name.endswith(MOMENT) else name
    return NAMES.get((table, name), plain)


def _list_columns(table: Table) -> list[Column]:
    return [c for c in table.columns if c.name not in ("row", "customer_id")]


def _find_type(column: Column) -> Any:
    if column.name.endswith(MOMENT):
        return datetime
    return {Double: float, BigInteger: int}.get(type(column.type), str)


FORMS = {name: describe_rows(name, table) for name, table in HELD.items()}
_TABLES: dict[str, Any] = {name: (list[form], ...) for name, form in FORMS.items()}  # type: ignore[valid-type]


class _Exported(BaseModel):
    request_id: str
    customer_id: str
    erased_at: datetime | None = Field(None, description="When the customer was erased, if ever.")
    next_cursor: str | None = Field(None, description="Where there are more rows: ask with this.")


Exported = create_model("Exported", __base__=_Exported, **_TABLES)


@ROUTER.post(
    "/v1/privacy/erasures",
    response_model=ErasedCustomers,
    responses=REFUSALS,
    operation_id="eraseCustomers",
    openapi_extra=describe(Erasures),
)
async def post_erasures(request: Request) -> Response:
    """Return that nothing is held on 1 to 100 customers any more."""
    require_json(request)
    store, asked = find_store(request), read_form(Erasures, await request.body())
    erased = await asyncio.to_thread(tell_erased, store, asked, request.scope["request_id"])
    return Response(erased.model_dump_json(), media_type="application/json")


def tell_erased(store: Store, asked: Erasures, request_id: str) -> ErasedCustomers:
    """Erase the customers, and return what went."""
    gone, cleaned = erase_customers(store, asked.customer_ids)
    results = [
        Erased(
            customer_id=one,
            deleted=[Deleted(table=name, rows=rows) for name, rows in gone[one].items()],
        )
        for one in asked.customer_ids
    ]
    warnings = [] if cleaned else [LEFT]
    return ErasedCustomers(request_id=request_id, results=results, warnings=warnings)


@ROUTER.post(
    "/v1/privacy/exports",
    response_model=Exported,
    responses=REFUSALS,
    operation_id="exportCustomer",
    openapi_extra=describe(Export),
)
async def post_exports(request: Request) -> Response:
    """Return all that is held on one customer, up to 10,000 rows of each table at a time."""
    require_json(request)
    store, asked = find_store(request), read_form(Export, await request.body())
    told = await asyncio.to_thread(tell_held, store, asked, request.scope["request_id"])
    return Response(told.model_dump_json(exclude_none=True), media_type="application/json")


def tell_held(store: Store, asked: Export, request_id: str) -> BaseModel:
    """Return what is held on the customer, with plain names."""
    after = int(asked.cursor or 0)
    held = export_customer(store, asked.customer_id, after)
    rows = {name: [_name_all(name, row) for row in of] for name, of in held.rows.items()}
    more = any(len(of) == ROWS for of in held.rows.values())
    return Exported(
        request_id=request_id,
        customer_id=asked.customer_id,
        erased_at=None if held.erased_us is None else _tell(held.erased_us),
        next_cursor=str(after + ROWS) if more else None,
        **rows,
    )


def _name_all(name: str, row: Mapping[str, Any]) -> dict[str, Any]:
    columns = _list_columns(HELD[name])
    told = {c: row[c.name] for c in columns if row[c.name] is not None}
    return {
        find_name(name, c): _tell(one) if c.name.endswith(MOMENT) else _write(c, one)
        for c, one in told.items()
    }


def _tell(moment_us: int) -> datetime:
    return EPOCH + timedelta(microseconds=moment_us)


def _write(column: Column, told: Any) -> Any:
    binary = isinstance(column.type, LargeBinary)
    return base64.b64encode(told).decode() if binary else told
