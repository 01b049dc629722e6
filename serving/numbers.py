"""A number in a request's body: a JSON number, or a decimal string, within limits."""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationError
from pydantic_core import PydanticCustomError
from pydantic_core.core_schema import float_schema, union_schema

from contract.columns import LARGEST

_DECIMAL = re.compile(r"-?[0-9]{1,16}(\.[0-9]{1,16})?")
PLAIN, EXACT = "plain", "exact"  # how pydantic names the two in the place of a fault


def read_number(given: Any) -> float:
    """Return a JSON number, or the number that a decimal string such as "59.90" tells."""
    if isinstance(given, str) and _DECIMAL.fullmatch(given):
        return float(given)
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise PydanticCustomError("not_a_number", 'A number or a decimal like "59.90" is expected.')
    # An integer of hundreds of digits has no double; that it is too large is all that counts.
    return float(max(min(given, 10 * LARGEST), -10 * LARGEST))


class _Plainly:
    """Take a JSON number without a call of Python, of which a large body would make 80,000.

    All else is read by the form it annotates, which alone is told to machines and in faults.
    """

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        """Return the schema that takes a plain number first."""
        plain = float_schema(strict=True, ge=-LARGEST, le=LARGEST, allow_inf_nan=False)
        return union_schema([(plain, PLAIN), (handler(source), EXACT)], mode="left_to_right")

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> Any:
        """Return what machines are told of the form."""
        return handler(schema["choices"][1][0])


Number = Annotated[
    float,
    Field(ge=-LARGEST, le=LARGEST, allow_inf_nan=False),
    BeforeValidator(read_number),
    _Plainly(),
    Field(description='A decimal string such as "59.90" is taken too.'),
]


def list_faults(error: ValidationError) -> list[Any]:
    """Return the faults, each once and at the place that the caller knows."""
    faults: list[Any] = error.errors(include_url=False, include_context=False, include_input=False)
    for fault in faults:
        # The name of an unknown member is the caller's own, and may be any.
        fault["said_by"] = fault["loc"][-1:] if fault["type"] != "extra_forbidden" else ()
        if fault["said_by"] == (EXACT,):
            fault["loc"] = fault["loc"][:-1]
    return [fault for fault in faults if fault["said_by"] != (PLAIN,)]
