"""Staging and merging price sheets: the work is done by three functions of the schema."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple
from uuid import UUID

from chandlery.engine.statements import Query, Write, many, one
from chandlery.kernel.errors import NotFound

COPY_STAGED = (
    "COPY price_staging (import_id, line, vendor_code, vendor_name, product_code, product_name, sku_code, sku_name,"
    " sku_description, plan_code, unit, term, billing_cycle, charge, segment, market, currency, min_quantity,"
    " max_quantity, cost, retail, periods, effective_from, effective_until) FROM STDIN"
)
_CHECK = "SELECT bad_line, contradiction, other_line FROM check_staged_prices(%s::uuid)"
_MERGE = "SELECT merge_staged_prices(%s::uuid, %s::boolean)"
_DISCARD = "SELECT discard_staged_prices(%s::uuid)"


class Contradiction(NamedTuple):
    """A staged row that was taken out: it repeats a price, or moves a SKU, of another line (None: of the catalogue)."""

    line: int
    what: Literal["price", "sku"]
    other_line: int | None


def check_staged(import_id: UUID) -> Query[list[Contradiction]]:
    return many(_CHECK, (import_id,), lambda row: Contradiction(*row))


def merge_staged(import_id: UUID, complete: bool) -> Query[dict[str, Any]]:
    return one(_MERGE, (import_id, complete), lambda row: dict(row[0]), NotFound)


def discard_staged(import_id: UUID) -> Write:
    return Write(_DISCARD, (import_id,))
