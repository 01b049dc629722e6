"""Bodies that no service should answer with a score, and what it must say instead."""

import json
from typing import Any, NamedTuple

SECRET = "Jane-Doe-4711"  # stands in every value that must not come back


class Malformed(NamedTuple):
    """A body and the status, the code and the pointer of the problem it must get."""

    name: str
    body: bytes
    status: int
    code: str
    pointer: str | None = None


def ask(**record: Any) -> dict[str, Any]:
    """Return a sound question about one customer, with the record's fields as told."""
    return {"as_of": "2026-06-01T00:00:00Z", "records": [{"customer_id": SECRET} | record]}


def line(**fields: Any) -> dict[str, Any]:
    """Return a sound question about one order line, with the line's fields as told."""
    sound = {"order_id": "O-1", "ordered_at": "2026-05-01T10:00:00Z", "amount": 10}
    return ask(transactions=[sound | fields])


def act(**fields: Any) -> dict[str, Any]:
    """Return a sound question about one interaction, with its fields as told."""
    return ask(interactions=[{"kind": "visit", "occurred_at": "2026-05-01T10:00:00Z"} | fields])


def without(question: dict[str, Any], table: str, name: str) -> dict[str, Any]:
    """Return the question with one field of its first row left out."""
    del question["records"][0][table][0][name]
    return question


SOUND = json.dumps(line()).encode()
AMOUNT = SOUND.replace(b'"amount": 10', b'"amount": %s')
assert AMOUNT != SOUND
OWN_NUMBER = json.dumps(ask(attributes={"a": 7})).encode().replace(b"7}", b"%s}")

NOT_JSON: dict[str, bytes] = {
    "nothing": b"",
    "blank": b"   ",
    "a word": b"hello",
    "cut off": SOUND[:-1],
    "two values": SOUND + SOUND,
    "a trailing comma": SOUND[:-1] + b",}",
    "single quotes": SOUND.replace(b'"', b"'"),
    "a comment": b"// hi\n" + SOUND,
    "NaN": AMOUNT % b"NaN",
    "Infinity": AMOUNT % b"Infinity",
    "minus Infinity": AMOUNT % b"-Infinity",
    "an attribute NaN": OWN_NUMBER % b"NaN",
    "an attribute told twice": OWN_NUMBER % b'7, "a": 8',
    "nan in small letters": AMOUNT % b"nan",
    "a leading zero": AMOUNT % b"007",
    "a plus sign": AMOUNT % b"+7",
    "a hexadecimal number": AMOUNT % b"0x1F",
    "a bare point": AMOUNT % b".5",
    "an integer of 5,000 digits": AMOUNT % (b"9" * 5000),
    "100,000 open brackets": b"[" * 100_000,
    "100,000 closed brackets": b"[" * 100_000 + b"]" * 100_000,
    "100,000 nested objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "deep inside a field": AMOUNT % (b"[" * 50_000 + b"]" * 50_000),
    "a name told twice": SOUND.replace(b'"amount": 10', b'"amount": 10, "amount": 11'),
    "a byte order mark": b"\xef\xbb\xbf" + SOUND,
    "UTF-16": SOUND.decode().encode("utf-16"),
    "UTF-16 without a mark": SOUND.decode().encode("utf-16-le"),
    "UTF-32": SOUND.decode().encode("utf-32"),
    "Latin-1": SOUND.replace(b"O-1", "Ö-1".encode("latin-1")),
    "an overlong slash": SOUND.replace(b"O-1", b"\xc0\xaf"),
    "a surrogate in UTF-8": SOUND.replace(b"O-1", b"\xed\xa0\x80"),
    "half a surrogate pair": SOUND.replace(b"O-1", b"\\ud800"),
    "the other half": SOUND.replace(b"O-1", b"\\uDC00"),
    "a surrogate as a name": SOUND.replace(b"order_id", b"\\udfff"),
    "a raw NUL": SOUND.replace(b"O-1", b"O\x001"),
    "a raw line break in text": SOUND.replace(b"O-1", b"O\n1"),
    "only zeros": b"\x00" * 100,
    "random bytes": bytes(range(256)),
    "MessagePack": b"\x81\xa7records\x90",
    "a form": b"records=1&as_of=now",
}

ROW, ACT = "/records/0/transactions/0", "/records/0/interactions/0"
OWN = "/records/0/attributes"
LONG = SECRET * 20
LINE = line()["records"][0]["transactions"][0]

WRONG_FORM: dict[str, tuple[Any, str, str]] = {
    "null": (None, "", "model_type"),
    "a number": (1, "", "model_type"),
    "a text": (SECRET, "", "model_type"),
    "a list": ([line()], "", "model_type"),
    "an empty object": ({}, "/records", "missing"),
    "no records": ({"records": []}, "/records", "too_short"),
    "records null": ({"records": None}, "/records", "list_type"),
    "records an object": ({"records": {SECRET: 1}}, "/records", "list_type"),
    "1001 records": ({"records": [{"customer_id": SECRET}] * 1001}, "/records", "too_long"),
    "a record null": ({"records": [None]}, "/records/0", "model_type"),
    "an unknown name": (ask() | {SECRET: 1}, "", "unknown_name"),
    "an unknown name in a record": (ask(**{SECRET: 1}), "/records/0", "unknown_name"),
    "an unknown name in a line": (line(**{SECRET: 1}), ROW, "unknown_name"),
    "an unknown name with NUL": (line(**{SECRET + "\0": 1}), ROW, "unknown_name"),
    "no customer": ({"records": [{}]}, "/records/0/customer_id", "missing"),
    "customer null": (ask(customer_id=None), "/records/0/customer_id", "string_type"),
    "customer a number": (ask(customer_id=4711), "/records/0/customer_id", "string_type"),
    "customer empty": (ask(customer_id=""), "/records/0/customer_id", "string_too_short"),
    "customer too long": (ask(customer_id=LONG), "/records/0/customer_id", "string_too_long"),
    "customer with NUL": (
        ask(customer_id=SECRET + "\0"),
        "/records/0/customer_id",
        "string_pattern_mismatch",
    ),
    "record_id too long": (ask(record_id=LONG), "/records/0/record_id", "string_too_long"),
    "record_id a list": (ask(record_id=[1]), "/records/0/record_id", "string_type"),
    "lines an object": (ask(transactions={SECRET: 1}), "/records/0/transactions", "list_type"),
    "a line a text": (ask(transactions=[SECRET]), ROW, "model_type"),
    "too many lines": (ask(transactions=[LINE] * 10_001), "/records/0/transactions", "too_long"),
    "no order": (without(line(), "transactions", "order_id"), f"{ROW}/order_id", "missing"),
    "no time": (without(line(), "transactions", "ordered_at"), f"{ROW}/ordered_at", "missing"),
    "no amount": (without(line(), "transactions", "amount"), f"{ROW}/amount", "missing"),
    "amount null": (line(amount=None), f"{ROW}/amount", "not_a_number"),
    "amount a word": (line(amount=SECRET), f"{ROW}/amount", "not_a_number"),
    "amount empty": (line(amount=""), f"{ROW}/amount", "not_a_number"),
    "amount true": (line(amount=True), f"{ROW}/amount", "not_a_number"),
    "amount a list": (line(amount=[1]), f"{ROW}/amount", "not_a_number"),
    "amount with a comma": (line(amount="59,90"), f"{ROW}/amount", "not_a_number"),
    "amount with a currency": (line(amount="59.90 EUR"), f"{ROW}/amount", "not_a_number"),
    "amount in words for nan": (line(amount="nan"), f"{ROW}/amount", "not_a_number"),
    "amount with underscores": (line(amount="1_000"), f"{ROW}/amount", "not_a_number"),
    "amount in Arabic digits": (line(amount="٥٩"), f"{ROW}/amount", "not_a_number"),
    "amount too large": (line(amount=1.1e9), f"{ROW}/amount", "less_than_equal"),
    "amount too small": (line(amount="-1100000000"), f"{ROW}/amount", "greater_than_equal"),
    "amount of 400 digits": (line(amount=10**400), f"{ROW}/amount", "less_than_equal"),
    "quantity a word": (line(quantity=SECRET), f"{ROW}/quantity", "not_a_number"),
    "currency a number": (line(currency=1), f"{ROW}/currency", "string_type"),
    "time a number": (line(ordered_at=1_780_000_000), f"{ROW}/ordered_at", "not_a_moment"),
    "time a date": (line(ordered_at="2026-05-01"), f"{ROW}/ordered_at", "not_a_moment"),
    "time a word": (line(ordered_at=SECRET), f"{ROW}/ordered_at", "not_a_moment"),
    "a month 13": (line(ordered_at="2026-13-01T00:00:00Z"), f"{ROW}/ordered_at", "not_a_moment"),
    "30 February": (line(ordered_at="2026-02-30T00:00:00Z"), f"{ROW}/ordered_at", "not_a_moment"),
    "an hour 25": (line(ordered_at="2026-05-01T25:00:00Z"), f"{ROW}/ordered_at", "not_a_moment"),
    "the year 1": (
        line(ordered_at="0001-01-01T00:00:00+02:00"),
        f"{ROW}/ordered_at",
        "not_a_moment",
    ),
    "the year 9999": (
        line(ordered_at="9999-12-31T23:59:59-02:00"),
        f"{ROW}/ordered_at",
        "not_a_moment",
    ),
    "an offset of 99 hours": (
        line(ordered_at="2026-05-01T00:00:00+99:00"),
        f"{ROW}/ordered_at",
        "not_a_moment",
    ),
    "no kind": (without(act(), "interactions", "kind"), f"{ACT}/kind", "missing"),
    "kind empty": (act(kind=""), f"{ACT}/kind", "string_too_short"),
    "an act's time null": (act(occurred_at=None), f"{ACT}/occurred_at", "not_a_moment"),
    "an act's value a word": (act(value=SECRET), f"{ACT}/value", "not_a_number"),
    "since a word": (ask(since=SECRET), "/records/0/since", "not_a_moment"),
    "attributes null": (ask(attributes=None), OWN, "not_attributes"),
    "attributes a list": (ask(attributes=[SECRET]), OWN, "not_attributes"),
    "an attribute true": (ask(attributes={SECRET: True}), OWN, "not_attributes"),
    "an attribute a list": (ask(attributes={SECRET: [1]}), OWN, "not_attributes"),
    "an attribute an object": (ask(attributes={"a": {SECRET: 1}}), OWN, "not_attributes"),
    "an attribute too long": (ask(attributes={"a": LONG}), OWN, "not_attributes"),
    "an attribute with NUL": (ask(attributes={"a": SECRET + "\0"}), OWN, "not_attributes"),
    "an attribute too large": (ask(attributes={SECRET: 1.1e9}), OWN, "not_attributes"),
    "an attribute of 400 digits": (ask(attributes={SECRET: 10**400}), OWN, "not_attributes"),
    "an attribute without a name": (ask(attributes={"": SECRET}), OWN, "not_attributes"),
    "an attribute's name too long": (ask(attributes={LONG: 1}), OWN, "not_attributes"),
    "101 attributes": (
        ask(attributes={f"{SECRET}{n}": n for n in range(101)}),
        OWN,
        "not_attributes",
    ),
    "as_of a word": (ask() | {"as_of": SECRET}, "/as_of", "not_a_moment"),
    "as_of in the future": (ask() | {"as_of": "2199-01-01T00:00:00Z"}, "/as_of", "in_the_future"),
    "targets a text": (ask() | {"targets": SECRET}, "/targets", "list_type"),
    "targets of numbers": (ask() | {"targets": [1]}, "/targets/0", "string_type"),
    "an unknown target": (ask() | {"targets": ["churn", SECRET]}, "/targets/1", "unknown_target"),
    "51 targets": (ask() | {"targets": ["churn"] * 51}, "/targets", "too_long"),
}

BODIES: tuple[Malformed, ...] = (
    *(Malformed(name, body, 400, "not_json") for name, body in NOT_JSON.items()),
    Malformed("an attribute 1e999", OWN_NUMBER % b"1e999", 422, "not_attributes", OWN),
    Malformed("1e999", AMOUNT % b"1e999", 422, "less_than_equal", f"{ROW}/amount"),
    Malformed("-1e999", AMOUNT % b"-1e999", 422, "greater_than_equal", f"{ROW}/amount"),
    *(
        Malformed(name, json.dumps(said).encode(), 422, code, pointer)
        for name, (said, pointer, code) in WRONG_FORM.items()
    ),
)
