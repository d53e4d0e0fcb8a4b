"""The multi-vendor price list: one row per plan, cost and retail per unit and billing period (usage: per metered unit).

It has no dates: a price holds from the import on, until a later list says otherwise.
"""

from __future__ import annotations

from typing import Any

from chandlery.catalog.sheets import fields
from chandlery.catalog.sheets.fields import CellRefused
from chandlery.catalog.sheets.format import RowRefused, SheetFormat, StagedRow, plan_code
from chandlery.kernel.clock import FOREVER

_BILLING = {
    "monthly": ("monthly", "recurring"),
    "annual": ("annual", "recurring"),
    "term": ("term", "recurring"),
    "one-time": ("one_time", "one_time"),
    "usage": ("usage", "metered"),
}


def _billing(cell: str) -> tuple[str, str]:
    if cell not in _BILLING:
        raise CellRefused(f"is not a way of billing; use one of {', '.join(_BILLING)}")
    return _BILLING[cell]


def _stage(line: int, values: tuple[Any, ...]) -> StagedRow:
    vendor, product, sku, name, unit, term, (cycle, charge), currency, cost, retail = values
    if charge == "recurring" and not term:
        raise RowRefused("term", f"is empty; a plan billed {cycle} needs one, such as P1Y")
    if charge == "one_time" and term:
        raise RowRefused("term", "must be empty for a one-time charge")
    return StagedRow(
        line, vendor, vendor.replace("-", " ").title(), product, product.replace("-", " ").title(), sku, name, "",
        plan_code(sku, term, cycle), unit or "unit", term, cycle, charge, "", "", currency, 1, None, cost, retail, 1,
        None, FOREVER,
    )  # fmt: skip


MULTI_VENDOR = SheetFormat(
    "multi-vendor",
    {
        "vendor": fields.code,
        "product": fields.code,
        "sku": fields.code,
        "name": fields.name,
        "unit": fields.unit,
        "term": fields.term,
        "billing": _billing,
        "currency": fields.currency,
        "cost": fields.amount,
        "retail": fields.amount,
    },
    _stage,
)
