"""Statements as values: what a room's `_store` hands to the unit of work, which decides when they travel.

A `Query` knows how to read its rows, a `Write` knows which constraint means which refusal. Nothing here talks to
the database: `Unit.fetch` sends all its queries, and every write queued before them, in one round trip.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar

from chandlery.kernel.errors import Fault

T = TypeVar("T")
Row: TypeAlias = tuple[Any, ...]
Params: TypeAlias = Sequence[Any] | Mapping[str, Any]
Refusals: TypeAlias = Mapping[str, Callable[[], Fault]]
"""From the name of a constraint to the refusal that breaking it means."""

NO_REFUSALS: Refusals = {}


@dataclass(frozen=True, slots=True)
class Query(Generic[T]):
    """A statement that answers with rows, and how those become a value."""

    sql: str
    params: Params
    read: Callable[[Sequence[Row]], T]
    refusals: Refusals = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Write:
    """A statement whose effect matters and whose rows do not."""

    sql: str
    params: Params
    refusals: Refusals = field(default_factory=dict)


def one(sql: str, params: Params, decode: Callable[[Row], T], missing: Callable[[], Fault]) -> Query[T]:
    """A query for exactly one row; no row raises `missing`."""

    def read(rows: Sequence[Row]) -> T:
        if not rows:
            raise missing()
        return decode(rows[0])

    return Query(sql, params, read)


def maybe(sql: str, params: Params, decode: Callable[[Row], T]) -> Query[T | None]:
    """A query for one row or none."""
    return Query(sql, params, lambda rows: decode(rows[0]) if rows else None)


def many(sql: str, params: Params, decode: Callable[[Row], T]) -> Query[list[T]]:
    """A query for a bounded list; its SQL carries the LIMIT."""
    return Query(sql, params, lambda rows: [decode(row) for row in rows])


def scalar(row: Row) -> Any:
    """The only column of a row; callers state its type."""
    return row[0]


def refusals(**by_constraint: Callable[[], Fault]) -> Refusals:
    """`refusals(orders_number_key=NumberTaken)`: which broken constraint means which refusal."""
    return by_constraint
