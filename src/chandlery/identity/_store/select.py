"""The one place where SQL of this room is put together: from texts that stand in the stores; values are parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from chandlery.engine.statements import Query, Row, many
from chandlery.kernel.page import PageRequest

T = TypeVar("T")


def select(columns: str, rest: str) -> str:
    return "SELECT " + columns + " " + rest  # sql: constants of the stores


def listed(
    head: str,
    wanted: Sequence[tuple[str, Any]],
    page: PageRequest,
    order: str,
    decode: Callable[[Row], T],
) -> Query[list[T]]:
    """A page of `head` (up to its first conditions): those conditions of `wanted` whose value is given, by keyset."""
    given = [(condition, value) for condition, value in wanted if value is not None]
    conditions = [condition for condition, _value in given]
    params = [value for _condition, value in given]
    if page.after is not None:
        conditions.append(f"({order}) > (%s, %s)")  # sql: a constant of the stores
        params.extend(page.after)
    matching = " AND ".join([head, *conditions])  # sql: constants of the stores
    sql = f"{matching} ORDER BY {order} LIMIT %s"  # sql: the same
    return many(sql, (*params, page.limit + 1), decode)
