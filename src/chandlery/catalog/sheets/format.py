"""The one shape that every price sheet is read into, and what a format has to say about itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from chandlery.catalog.sheets.fields import CellRefused

WHOLE_ROW = "(row)"


class StagedRow(NamedTuple):
    """One price of one plan, as it goes to the staging table: these names are its columns."""

    line: int
    vendor_code: str
    vendor_name: str
    product_code: str
    product_name: str
    sku_code: str
    sku_name: str
    sku_description: str
    plan_code: str
    unit: str
    term: str
    billing_cycle: str
    charge: str
    segment: str
    market: str
    currency: str
    min_quantity: int
    max_quantity: int | None
    cost: str
    retail: str
    periods: int
    effective_from: datetime | None
    effective_until: datetime


@dataclass(frozen=True, slots=True)
class RowError:
    """Why a row did not land: where to look, and what to write there."""

    line: int
    column: str
    message: str


class RowRefused(CellRefused):
    """The cells of a row are readable but do not go together; `column` is where to look first."""

    def __init__(self, column: str, message: str) -> None:
        super().__init__(message)
        self.column = column


@dataclass(frozen=True, slots=True)
class SheetFormat:
    """A kind of price sheet: its columns with how each is read, and how their values become a staged row."""

    name: str
    columns: Mapping[str, Callable[[str], Any]]
    stage: Callable[[int, tuple[Any, ...]], StagedRow]


def plan_code(sku_code: str, term: str, billing_cycle: str, segment: str = "") -> str:
    """`CFQ7TTC0LH18:0001:P1Y:monthly`: what names a plan in its tenant, for good."""
    code = f"{sku_code}:{term}:{billing_cycle}"
    return f"{code}:{segment}" if segment else code
