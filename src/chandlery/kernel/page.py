"""Pages of a list: a keyset position in, a bounded slice and the next position out.

A cursor is opaque to callers and holds the sort key of the last row seen, so that page 1,000 costs what page 1 does.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar
from uuid import UUID

from chandlery.kernel.errors import Invalid, Problem

T = TypeVar("T")
U = TypeVar("U")

MAX_LIMIT = 200
DEFAULT_LIMIT = 50
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class CursorUnreadable(Invalid):
    """This cursor was not issued here; start again without one."""


class LimitOutOfRange(Invalid):
    """A page holds between 1 and 200 items; ask for a limit in that range."""


@dataclass(frozen=True, slots=True)
class PageRequest:
    """At most `limit` items after the position `after` (the sort key and id of the last item seen)."""

    limit: int = DEFAULT_LIMIT
    after: tuple[datetime, UUID] | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= MAX_LIMIT:
            raise LimitOutOfRange(Problem("limit", LimitOutOfRange.message()))


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A slice of a list; `next_cursor` is None on the last one."""

    items: Sequence[T]
    next_cursor: str | None = None

    def map(self, change: Callable[[T], U]) -> Page[U]:
        return Page([change(item) for item in self.items], self.next_cursor)


def encode_cursor(at: datetime, row_id: UUID) -> str:
    micros = (at - _EPOCH) // timedelta(microseconds=1)
    return base64.urlsafe_b64encode(json.dumps([micros, row_id.hex]).encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> tuple[datetime, UUID]:
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        micros, hexed = json.loads(raw)
        return _EPOCH + timedelta(microseconds=int(micros)), UUID(hex=hexed)
    except (ValueError, TypeError, AttributeError, binascii.Error, OverflowError, RecursionError):
        raise CursorUnreadable(Problem("cursor", CursorUnreadable.message())) from None


def page_of(rows: Sequence[T], limit: int, key: Callable[[T], tuple[datetime, UUID]]) -> Page[T]:
    """A page from up to `limit + 1` rows: the extra row only proves that there is a next page."""
    if len(rows) <= limit:
        return Page(rows)
    kept = rows[:limit]
    return Page(kept, encode_cursor(*key(kept[-1])))
