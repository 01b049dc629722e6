"""A request's body, read strictly: JSON, numbers, moments and names, and records as tables."""

import json
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import cache
from itertools import takewhile
from typing import Annotated, Any, NoReturn, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WrapValidator,
)
from pydantic_core import PydanticCustomError
from starlette.requests import Request

from contract.columns import LARGEST, MOST_ATTRIBUTES
from features.dictionary import FEATURES
from serving.nesting import DEEPEST, is_too_deep
from serving.numbers import Number as Number
from serving.numbers import list_faults
from serving.numbers import read_number as read_number
from serving.problems import RefusalError

YEARS = range(1900, 2200)
SHOWN = 20  # faults told in one problem

Form = TypeVar("Form", bound=BaseModel)

_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})?"
)
_NO_CONTROLS = r"^[^\x00-\x1f\x7f]*$"


def read_moment(given: Any) -> datetime:
    """Return the moment, in UTC, that an RFC 3339 string tells; without an offset it is UTC."""
    if not isinstance(given, str) or not _MOMENT.fullmatch(given):
        raise PydanticCustomError("not_a_moment", "A date and time of RFC 3339 is expected.")
    try:
        told = datetime.fromisoformat(given.upper())
        moment = told.astimezone(UTC) if told.tzinfo else told.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise PydanticCustomError("not_a_moment", "There is no such date and time.") from None
    if moment.year not in YEARS:
        raise PydanticCustomError("not_a_moment", "A year from 1900 to 2199 is expected.")
    return moment


Name = Annotated[str, Field(min_length=1, max_length=128, pattern=_NO_CONTROLS)]
Text = Annotated[str, Field(max_length=128, pattern=_NO_CONTROLS)]
Moment = Annotated[datetime, BeforeValidator(read_moment)]


def _read_named(given: Any, read: Callable[[Any], Any]) -> Any:
    """Return what is read, or refuse it whole: its names are the caller's own."""
    try:
        if isinstance(given, list) and len(given) <= MOST_ATTRIBUTES:
            given = _name_attributes(given)
        if not isinstance(given, dict) or len(given) <= MOST_ATTRIBUTES:
            return read(given)
    except ValidationError:
        pass
    raise PydanticCustomError(
        "not_attributes",
        f"Up to {MOST_ATTRIBUTES} names are expected, each with a text of up to 128 characters or a"
        f" number within ±{LARGEST:,.0f}.",
    )


_Exact = Annotated[float, Field(strict=True, ge=-LARGEST, le=LARGEST, allow_inf_nan=False)]


class Attribute(BaseModel):
    """An attribute of the shop's own: its name, and a text or a number."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    text: Text | None = None
    number: _Exact | None = None


def _name_attributes(given: list[Any]) -> dict[str, Any]:
    """Return as a map what a typed caller lists; anything else is left as it is."""
    told = [Attribute.model_validate(one) for one in given]
    named = {one.name: one.text if one.number is None else one.number for one in told}
    twice = len(named) < len(told) or any(None not in (one.text, one.number) for one in told)
    return {"": None} if twice else named  # a name that is none is refused


Attributes = Annotated[
    dict[Name, Text | _Exact | None],
    Field(max_length=MOST_ATTRIBUTES, json_schema_extra={"additionalProperties": False}),
    WrapValidator(_read_named),
]


def read_json(body: bytes) -> Any:
    """Return what the body says, refused unless it is JSON as RFC 8259 has it, each name once."""
    if is_too_deep(body):
        raise RefusalError("not_json", f"The body is nested more than {DEEPEST} levels deep.")
    try:
        text = body.decode("utf-8")
        said = json.loads(text, object_pairs_hook=_read_object, parse_constant=_refuse_constant)
        if "\\ud" in text or "\\uD" in text:
            json.dumps(said, ensure_ascii=False).encode("utf-8")  # half a surrogate pair fails
    except UnicodeError:
        raise RefusalError("not_json", "The body holds text that is not UTF-8.") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise RefusalError("not_json", f"The body stops being JSON at {where}.") from None
    except (ValueError, RecursionError):
        detail = "The body holds NaN, Infinity, a name told twice, or too many levels or digits."
        raise RefusalError("not_json", detail) from None
    return said


def _read_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) != len(pairs):
        raise ValueError
    return read


def _refuse_constant(_name: str) -> NoReturn:
    raise ValueError


def read_form(form: type[Form], body: bytes) -> Form:
    """Return the body in the form it must have, or refuse it with every place that is wrong."""
    return check_form(form, read_json(body), "the body")


def check_form(form: type[Form], said: Any, where: str) -> Form:
    """Return what is said there in its form, or refuse it with every place that is wrong."""
    try:
        return form.model_validate(said)
    except ValidationError as error:
        faults = list_faults(error)
        told = [_tell(fault, _list_names(form)) for fault in faults[:SHOWN]]
        detail = f"Wrong places in {where}: {len(faults)}; see errors for up to {SHOWN} of them."
        raise RefusalError("wrong_form", detail, errors=told) from None


@cache
def _list_names(form: type[BaseModel]) -> frozenset[str]:
    """Return the names that are ours: of the form, of its parts, and of features."""
    schema = form.model_json_schema()
    parts = (schema, *schema.get("$defs", {}).values())
    return frozenset(FEATURES).union(*(part.get("properties", ()) for part in parts))


def _tell(fault: Any, names: frozenset[str]) -> dict[str, str]:
    place, code, said = fault["loc"], fault["type"], fault["msg"]
    if code == "extra_forbidden":
        place, code, said = place[:-1], "unknown_name", "There is a name here that the form lacks."
    # A name of the caller's own may be anything, a customer's too: the place ends before it.
    ours = takewhile(lambda part: isinstance(part, int) or part in names, place)
    return point(ours, code, said)


def point(place: Iterable[int | str], code: str, detail: str) -> dict[str, str]:
    """Return a fault at a place in the body."""
    return {"pointer": "".join(f"/{part}" for part in place), "code": code, "detail": detail}


def require_json(request: Request) -> None:
    """Refuse a body that is not told to be JSON."""
    kind, _, parameters = request.headers.get("content-type", "").lower().partition(";")
    charset = parameters.strip().removeprefix("charset=").strip('"')
    if kind.strip() != "application/json" or charset not in ("", "utf-8", "utf8"):
        detail = "Send Content-Type: application/json, in UTF-8."
        raise RefusalError("unsupported_media_type", detail)
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise RefusalError("unsupported_media_type", "Send the body uncompressed.")
