"""A request for any route, made from the route table: path, body and content type from names, types and examples."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, get_origin
from uuid import UUID

import msgspec

from chandlery.kernel.ids import new_id
from chandlery.surfaces.http.problems import plain
from chandlery.surfaces.http.route import Route

# What the table cannot tell: bodies that a route takes unread.
UNREAD_BODIES = {"import_price_sheet": b"sku,price\n", "receive_callback": b"{}"}
# Where one of several fields is needed, and none of them is required.
ONE_OF_SEVERAL = {
    "add_line": {"sku": "suite-basic"},
    "add_provider": {"url": "https://vendor.example.com/chandlery"},
}
# What stands in a path and is not an id.
WORDS = {"provider": "sandbox"}


def path_names(route: Route) -> list[str]:
    return re.findall(r"\{(\w+)\}", route.path)


def path_of(route: Route, ids: Mapping[str, Any]) -> str:
    return re.sub(r"\{(\w+)\}", lambda match: str(WORDS.get(match[1]) or ids[match[1]]), route.path)


def media_type_of(route: Route) -> str:
    return route.accepts[0] if route.accepts else "application/json"


def least_body(route: Route, ids: Mapping[str, UUID]) -> Any:
    """The required fields of a route's body, in JSON's own types."""
    least = {name: value_of(field, ids) for name, field in fields_of(route.body).items() if field.required}
    return least | ONE_OF_SEVERAL.get(route.operation, {})


def named_body(route: Route, ids: Mapping[str, UUID]) -> Any:
    """The same, and every optional field that can name something of the world."""
    named = {name: str(ids[name]) for name in fields_of(route.body) if name in ids}
    return least_body(route, ids) | named


def content_of(route: Route, ids: Mapping[str, UUID], body: Any = None) -> bytes | None:
    if route.body is None:
        return None
    if route.body is bytes:
        return UNREAD_BODIES[route.operation]
    return msgspec.json.encode(least_body(route, ids) if body is None else body)


def fields_of(type_: Any) -> dict[str, msgspec.structs.FieldInfo]:
    if not (isinstance(type_, type) and issubclass(type_, msgspec.Struct)):
        return {}
    return {field.encode_name: field for field in msgspec.structs.fields(type_)}


def value_of(field: msgspec.structs.FieldInfo, ids: Mapping[str, UUID]) -> Any:
    if field.encode_name == "email":  # people are global, so each test brings somebody new
        return f"{new_id().hex}@example.com"
    if field.encode_name in ids:
        return str(ids[field.encode_name])
    examples = [meta.examples[0] for meta in _metas(field.type) if meta.examples]
    if examples:
        return examples[-1]
    if plain(field.type)[0] is list:
        return []
    raise LookupError(f"{field.encode_name} needs an example in its type")


def _metas(type_: Any) -> list[msgspec.Meta]:
    found = []
    while get_origin(type_) is not None and hasattr(type_, "__metadata__"):
        found += [meta for meta in type_.__metadata__ if isinstance(meta, msgspec.Meta)]
        type_ = type_.__origin__
    return found
