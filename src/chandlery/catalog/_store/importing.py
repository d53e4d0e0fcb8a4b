"""Staging and merging price sheets: the work is done by three functions of the schema."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from chandlery.catalog.sheets.format import RowError
from chandlery.engine.statements import Query, Row, Write, many, one
from chandlery.kernel.errors import NotFound

COPY_STAGED = (
    "COPY price_staging (import_id, line, vendor_code, vendor_name, product_code, product_name, sku_code, sku_name,"
    " sku_description, plan_code, unit, term, billing_cycle, charge, segment, market, currency, min_quantity,"
    " max_quantity, cost, retail, periods, effective_from, effective_until) FROM STDIN"
)
_CHECK = "SELECT bad_line, contradiction, other_line FROM check_staged_prices(%s::uuid)"
_MERGE = "SELECT merge_staged_prices(%s::uuid, %s::boolean)"
_DISCARD = "SELECT discard_staged_prices(%s::uuid)"


def check_staged(import_id: UUID) -> Query[list[RowError]]:
    return many(_CHECK, (import_id,), _contradiction)


def merge_staged(import_id: UUID, complete: bool) -> Query[dict[str, Any]]:
    return one(_MERGE, (import_id, complete), lambda row: dict(row[0]), NotFound)


def discard_staged(import_id: UUID) -> Write:
    return Write(_DISCARD, (import_id,))


def _contradiction(row: Row) -> RowError:
    line, what, other = row
    if what == "price":
        return RowError(
            line, "(row)", f"is for the same plan, market, currency, tier and start as line {other}"
        )
    where = "in the catalogue" if other is None else f"in line {other}"
    return RowError(line, "(row)", f"gives this SKU to another product than it has {where}")
