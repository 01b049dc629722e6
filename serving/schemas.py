"""Schemas in the plain form that the importers of CRM systems read.

What is optional is absent, never null; a choice between objects is one object with optional parts;
every object has a name.
"""

from collections.abc import Callable, Iterator
from typing import Any

Schema = dict[str, Any]
Schemas = dict[str, Schema]

PLACE = "#/components/schemas/"

NAMED = "Attribute"  # a name, and a text or a number

_LISTS = ("anyOf", "oneOf")
_PARTS = ("items", "additionalProperties")
# Of OpenAPI 3.1 alone, or of no use where nothing is null: what is left out says as much.
_DROPPED = ("default", "examples", "discriminator")


def simplify_schemas(schemas: Schemas, answered: set[str]) -> Schemas:
    """Return the schemas in the plain form; those of answers are told to be whole.

    An answer leaves out what is null, so that all else is always there.
    """
    whole = {n: _require(s) if n in answered else s for n, s in schemas.items()}
    named: Schemas = {}

    def change(schema: Schema) -> Schema:
        if "discriminator" in schema:
            chosen = [whole[one["$ref"].removeprefix(PLACE)] for one in schema["oneOf"]]
            schema = {**_merge(chosen, schema), "title": schema["title"]}
        told = _drop_unknown(_drop_null(_each(_open_map(schema), change)))
        if "anyOf" in _find_part(told):
            return _list_named(told)
        if told.get("properties") and told.get("title") not in schemas:
            named[told["title"]] = told
            return {"$ref": f"{PLACE}{told['title']}"}
        return told

    simple = {name: change({**schema, "title": name}) for name, schema in whole.items()}
    return {**simple, **named}


def _list_named(schema: Schema) -> Schema:
    """Return a list for a map from names to texts and numbers, which many languages lack."""
    said = f"{schema['description']} A map from names to texts and numbers is taken too."
    kept = {"title": schema["title"], "description": said, "maxItems": schema["maxProperties"]}
    return {"type": "array", **kept, "items": {"$ref": f"{PLACE}{NAMED}"}}


def _open_map(schema: Schema) -> Schema:
    """Return a map's schema without the form of its names, which is of OpenAPI 3.1."""
    if "patternProperties" not in schema:
        return schema
    told = {n: p for n, p in schema.items() if n not in ("patternProperties", "propertyNames")}
    (part,) = schema["patternProperties"].values()
    return {**told, "additionalProperties": part}


def _find_part(schema: Schema) -> Schema:
    part = schema.get("additionalProperties")
    return part if isinstance(part, dict) else {}


def simplify_schema(schema: Schema) -> Schema:
    """Return the plain form of a schema that holds no object, such as a parameter's."""
    return _drop_unknown(_drop_null(_each(schema, simplify_schema)))


def find_named(part: Any, schemas: Schemas) -> set[str]:
    """Return the names of the schemas that a part of a document speaks of, or they in turn."""
    found: set[str] = set()
    waiting = list(_list_names(part))
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _list_names(schemas[name])
    return found


def _list_names(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"].removeprefix(PLACE)
        part = list(part.values())
    if isinstance(part, list):
        for one in part:
            yield from _list_names(one)


def _each(schema: Schema, change: Callable[[Schema], Schema]) -> Schema:
    """Return the schema with a change made to each schema inside it."""
    told = dict(schema)
    if "properties" in told:
        told["properties"] = {n: change(s) for n, s in told["properties"].items()}
    for name in _LISTS:
        if name in told:
            told[name] = [change(s) for s in told[name]]
    for name in _PARTS:
        if isinstance(told.get(name), dict):
            told[name] = change(told[name])
    return told


def _require(schema: Schema) -> Schema:
    """Return an answer's schema: whatever cannot be null is there."""
    said = schema.get("properties", {})
    always = [n for n, s in said.items() if {"type": "null"} not in s.get("anyOf", ())]
    return {**schema, "required": always} if always else schema


def _merge(chosen: list[Schema], choice: Schema) -> Schema:
    """Return one object for a choice between several: required is what each of them requires."""
    properties: Schemas = {n: s for schema in chosen[::-1] for n, s in schema["properties"].items()}
    kind = choice["discriminator"]["propertyName"]
    kinds = [schema["properties"][kind]["const"] for schema in chosen]
    properties[kind] = {**properties[kind], "enum": kinds}
    del properties[kind]["const"]
    every = [n for n in properties if all(n in s.get("required", ()) for s in chosen)]
    more = {"description": choice["description"]} if "description" in choice else {}
    return {"type": "object", **more, "properties": properties, "required": every}


def _drop_null(schema: Schema) -> Schema:
    """Return the schema without the branch for null, which was its only other one."""
    told = dict(schema)
    for name in _LISTS:
        others = [s for s in told.get(name, ()) if s.get("type") != "null"]
        if len(others) == 1:
            del told[name]
            told = {**others[0], **told}
    return told


def _drop_unknown(schema: Schema) -> Schema:
    if "$ref" in schema:
        return {"$ref": schema["$ref"]}  # what stands beside it is not read in 3.0
    told = {n: part for n, part in schema.items() if n not in _DROPPED}
    if "const" in told:
        told["enum"] = [told.pop("const")]
    for bound, limit in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if limit in told:
            told |= {bound: told[limit], limit: True}
    return told
