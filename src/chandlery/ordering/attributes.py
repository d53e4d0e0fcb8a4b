"""Open attributes: what integrators attach to an order for themselves, each under a namespace of its own.

We keep it, show it and never act on it. It is bounded, because everything that reads the order carries it along.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from chandlery.kernel.errors import Problem

MAX_NAMESPACES = 16
MAX_BYTES = 16 * 1024
MAX_DEPTH = 10
_NAMESPACE = re.compile(r"[a-z][a-z0-9_-]{0,39}")


def attribute_problems(attributes: Mapping[str, Any]) -> list[Problem]:
    """What is wrong with a bag of attributes."""
    problems = [
        Problem(
            f"attributes.{namespace[:40]}",
            "Name a namespace with 1 to 40 of a-z, 0-9, - and _, a letter first.",
            "namespace",
        )
        for namespace in attributes
        if not _NAMESPACE.fullmatch(namespace)
    ]
    problems += [
        Problem(f"attributes.{namespace}", "A namespace holds an object with named members.", "object")
        for namespace, members in attributes.items()
        if _NAMESPACE.fullmatch(namespace) and not isinstance(members, Mapping)
    ]
    if len(attributes) > MAX_NAMESPACES:
        problems.append(Problem("attributes", f"Use {MAX_NAMESPACES} namespaces at most.", "too_many"))
    if not problems and (unfit := bag_problem(attributes)):
        problems.append(Problem("attributes", unfit, "unfit"))
    return problems


def merged(attributes: Mapping[str, Any], given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Each namespace given replaces the one of that name; an empty one removes it."""
    return {namespace: members for namespace, members in {**attributes, **given}.items() if members}


def bag_problem(bag: Mapping[str, Any]) -> str | None:
    """Why these JSON values cannot be stored, or None."""
    if unfit := _unfit(bag, 0):
        return unfit
    return f"Keep it below {MAX_BYTES} bytes of JSON." if len(msgspec.json.encode(bag)) > MAX_BYTES else None


def _unfit(value: Any, level: int) -> str | None:
    """The first thing in it that the database would refuse or mangle."""
    if level > MAX_DEPTH:
        return f"Nest {MAX_DEPTH} levels deep at most."
    match value:
        case None | bool():
            return None
        case str():
            return None if _is_text(value) else "NUL characters and lone surrogates cannot be stored."
        case int() | float():
            return None if -(2**63) <= value < 2**63 else "Use finite numbers of 64 bits at most."
        case Mapping():
            inner: Iterable[Any] = (*value, *value.values())
        case list() | tuple():
            inner = value
        case _:
            return "Use texts, numbers, booleans, lists and objects only."
    return next((unfit for item in inner if (unfit := _unfit(item, level + 1))), None)


def _is_text(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)
