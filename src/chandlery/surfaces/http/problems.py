"""Every offending field at once: what a decoder that stops at the first one cannot tell.

The second pass asks the decoder about each part on its own: a value that its type refuses is taken apart, and what
cannot be taken apart further, or is whole in all its parts, is the problem.
"""

from __future__ import annotations

import math
import types
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice
from typing import Annotated, Any, NewType, Union, get_args, get_origin

import msgspec

from chandlery.kernel.clock import FOREVER
from chandlery.kernel.errors import Problem

MAX_PROBLEMS = 200
_MAX_DIGITS = 38
_INT64 = 2**63
_FIRST = datetime(1, 1, 2, tzinfo=UTC)


def collect(type_: Any, value: Any, *, strict: bool) -> list[Problem]:
    """The problems (at most 200) that keep `value` from being a `type_`; never none."""
    found = list(islice(_walk(type_, value, "", strict), MAX_PROBLEMS))
    return found or [Problem("body", "This is not acceptable.")]


def sound(value: Any) -> bool:
    """Whether all text and numbers in a decoded value are such as a database column can hold."""
    kind = type(value)
    if kind is str:
        return "\0" not in value
    if kind is int:
        return bool(-_INT64 <= value < _INT64)
    if kind is Decimal:
        exponent = value.as_tuple().exponent
        return (
            isinstance(exponent, int)
            and abs(exponent) <= _MAX_DIGITS
            and abs(value.adjusted()) <= _MAX_DIGITS
        )
    if kind is float:
        return math.isfinite(value)
    if kind is datetime:
        return value.tzinfo is None or bool(_FIRST <= value <= FOREVER)
    if kind is list or kind is tuple or kind is set or kind is frozenset:
        return all(map(sound, value))
    if kind is dict:
        return all(map(sound, value)) and all(map(sound, value.values()))
    fields = value.__struct_fields__ if isinstance(value, msgspec.Struct) else ()
    return all(sound(getattr(value, name)) for name in fields)


def plain(type_: Any) -> tuple[Any, tuple[Any, ...]]:
    """A type without its annotations: what it is, and what it is made of."""
    while True:
        if get_origin(type_) is Annotated:
            type_ = get_args(type_)[0]
        elif isinstance(type_, NewType):
            type_ = type_.__supertype__
        else:
            return get_origin(type_) or type_, get_args(type_)


def _walk(type_: Any, value: Any, path: str, strict: bool) -> Iterator[Problem]:
    try:
        if sound(msgspec.convert(value, type_, strict=strict)):
            return
        problem = Problem(path or "body", _UNSOUND, "out_of_range")
    except msgspec.ValidationError as error:
        message = str(error).partition(" - at ")[0]
        problem = Problem(path or "body", message + ".", "type" if "got `" in message else "invalid")
    if isinstance(value, float) and not math.isfinite(value):
        problem = Problem(path or "body", _UNSOUND, "out_of_range")
    parts = _parts(type_, value, path, strict)
    first = next(parts, None)
    yield first or problem
    yield from parts


_UNSOUND = "Send text without NUL characters, numbers of at most 64 bits (38 decimal digits), and years from 1 to 9999."


def _parts(type_: Any, value: Any, path: str, strict: bool) -> Iterator[Problem]:
    """The problems inside a value that was refused as a whole."""
    kind, arguments = plain(type_)
    prefix = f"{path}." if path else ""
    if kind in (Union, types.UnionType):
        chosen = _alternative(arguments, value)
        if chosen is not None:
            yield from _walk(chosen, value, path, strict)
    elif isinstance(kind, type) and issubclass(kind, msgspec.Struct) and isinstance(value, dict):
        yield from _members(kind, value, prefix, strict)
    elif kind in (list, set, frozenset, tuple) and isinstance(value, list) and arguments:
        for index, item in enumerate(value):
            of = (
                arguments[0]
                if kind is not tuple or arguments[-1] is ...
                else arguments[min(index, len(arguments) - 1)]
            )
            yield from _walk(of, item, f"{prefix}{index}", strict)
    elif isinstance(value, dict):
        key_type, of = arguments if kind is dict and len(arguments) == 2 else (str, Any)
        for key, item in value.items():
            yield from _walk(key_type, key, f"{prefix}{key[:80]}", strict=False)
            yield from _walk(of, item, f"{prefix}{key[:80]}", strict)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _walk(Any, item, f"{prefix}{index}", strict)


def _members(
    kind: type[msgspec.Struct], value: dict[str, Any], prefix: str, strict: bool
) -> Iterator[Problem]:
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    config = kind.__struct_config__
    for name, field in fields.items():
        if name in value:
            yield from _walk(field.type, value[name], prefix + name, strict)
        elif field.required:
            yield Problem(prefix + name, "This field is required.", "missing")
    if config.forbid_unknown_fields:
        for name in value:
            if name not in fields and name != config.tag_field:
                yield Problem(
                    prefix + name[:80], f"There is no such field; known: {', '.join(fields)}.", "unknown"
                )


def _alternative(arguments: tuple[Any, ...], value: Any) -> Any:
    """The member of a union that a value was meant for, when its form tells."""
    tagged = [a for a in arguments if isinstance(a, type) and issubclass(a, msgspec.Struct)]
    if isinstance(value, dict) and len(tagged) > 1:
        return next(
            (a for a in tagged if value.get(a.__struct_config__.tag_field or "") == a.__struct_config__.tag),
            None,
        )
    fitting = [a for a in arguments if a is not type(None) and _fits(plain(a)[0], value)]
    return fitting[0] if len(fitting) == 1 else None


def _fits(kind: Any, value: Any) -> bool:
    if isinstance(value, dict):
        return kind is dict or (isinstance(kind, type) and issubclass(kind, msgspec.Struct))
    if isinstance(value, list):
        return kind in (list, set, frozenset, tuple)
    is_container = kind in (dict, list, set, frozenset, tuple)
    return not is_container and not (isinstance(kind, type) and issubclass(kind, msgspec.Struct))
