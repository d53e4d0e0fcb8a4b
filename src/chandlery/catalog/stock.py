"""The noun: pieces of a SKU at one location, and how many of them can still be ordered."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from chandlery.catalog.errors import StockBelowZero, StockInvalid
from chandlery.kernel.errors import Problem, VersionStale
from chandlery.kernel.ids import SkuId, StockId

MAX_PIECES = 1_000_000_000_000
MAX_LOCATION = 100


@dataclass(frozen=True, slots=True)
class Stock:
    """Placed orders have taken theirs off already. `quantity` is below zero only where `oversell` allows it.

    A SKU that has stock anywhere is counted; from `notify_at` pieces on down somebody should order more.
    """

    id: StockId
    sku_id: SkuId
    sku_code: str
    location: str
    quantity: int
    oversell: bool
    notify_at: int | None
    created_at: datetime
    updated_at: datetime
    version: int = 1

    @property
    def is_low(self) -> bool:
        return self.notify_at is not None and self.quantity <= self.notify_at

    def at_version(self, expected: int | None) -> Stock:
        if expected not in (None, self.version):
            raise VersionStale(given=str(expected), version=str(self.version))
        return self

    def recounted(self, quantity: int | None, adjust_by: int, oversell: bool | None, now: datetime) -> Stock:
        """With another count (what is None stays), and so many pieces more or less on top of that."""
        changed = replace(
            self,
            quantity=(self.quantity if quantity is None else quantity) + adjust_by,
            oversell=self.oversell if oversell is None else oversell,
            updated_at=now,
            version=self.version + 1,
        )
        if changed.quantity < 0 and not changed.oversell:
            raise StockBelowZero(given=str(self.quantity))
        if problems := count_problems("quantity", changed.quantity):
            raise StockInvalid(*problems)
        return changed


def count_problems(field: str, count: int | None) -> list[Problem]:
    if count is None or -MAX_PIECES <= count <= MAX_PIECES:
        return []
    return [Problem(field, f"Count {MAX_PIECES} pieces at most.", "out_of_range")]


def location_problems(location: str) -> list[Problem]:
    if 1 <= len(location) <= MAX_LOCATION and location.isprintable() and location.strip() == location:
        return []
    message = f"Name a location in 1 to {MAX_LOCATION} printable characters."
    return [Problem("location", message, "text")]
