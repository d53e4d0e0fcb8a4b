"""The licence price sheet of Microsoft's new commerce experience.

Its UnitPrice and ERP Price are for the whole TermDuration, whatever the BillingPlan: they are kept as they are, with
the number of billing periods that they cover. EffectiveEndDate names the last second. ChangeIndicator compares with
the vendor's last sheet and not with what we hold, so it is not read.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from chandlery.catalog.sheets import fields
from chandlery.catalog.sheets.fields import CellRefused
from chandlery.catalog.sheets.format import RowRefused, SheetFormat, StagedRow, plan_code

_BILLING_MONTHS = {"Monthly": 1, "Annual": 12, "Triennial": 36, "OneTime": 0}
_MONTHS = {"M": 1, "Y": 12}


def _billing_plan(cell: str) -> str:
    if cell not in _BILLING_MONTHS:
        raise CellRefused(f"is not a billing plan; use one of {', '.join(_BILLING_MONTHS)}")
    return cell


@lru_cache(1_000)
def _segment(cell: str) -> str:
    """Commercial is the rule and not said; another segment is a plan of its own."""
    word = re.sub(r"[^a-z0-9]+", "-", fields.remark(cell)[:40].lower()).strip("-")
    return "" if word == "commercial" else word


@lru_cache(1_000)
def _cycle(term: str, billing: str) -> tuple[str, str, int]:
    """Billing cycle, charge, and how many billing periods the price of a term covers."""
    if billing == "OneTime":
        return ("term", "recurring", 1) if term else ("one_time", "one_time", 1)
    if not term or term[-1] not in _MONTHS:
        raise RowRefused("TermDuration", f"is no term that can be billed {billing}; use P1M, P1Y or P3Y")
    periods, rest = divmod(int(term[1:-1]) * _MONTHS[term[-1]], _BILLING_MONTHS[billing])
    if rest or not periods:
        raise RowRefused("BillingPlan", f"does not fit the term {term}")
    return ("term" if billing == "Triennial" else billing.lower(), "recurring", periods)


def _stage(line: int, values: tuple[Any, ...]) -> StagedRow:
    (
        product, product_name, sku, sku_name, description, unit, term, billing, market, currency, cost,
        retail, least, most, start, end, segment,
    ) = values  # fmt: skip
    if end <= start:
        raise RowRefused("EffectiveEndDate", "is not after EffectiveStartDate")
    least = least or 1
    if most is not None and most < least:
        raise RowRefused("PricingTierRangeMax", "is below PricingTierRangeMin")
    cycle, charge, periods = _cycle(term, billing)
    sku_code = f"{product}:{sku}"
    return StagedRow(
        line, "microsoft", "Microsoft", product, product_name, sku_code, sku_name, description,
        plan_code(sku_code, term, cycle, segment), unit or "licence", term, cycle, charge, segment, market, currency,
        least, most, cost, retail, periods, start, end,
    )  # fmt: skip


MICROSOFT = SheetFormat(
    "microsoft-nce",
    {
        "ProductId": fields.code,
        "ProductTitle": fields.name,
        "SkuId": fields.code,
        "SkuTitle": fields.name,
        "SkuDescription": fields.remark,
        "UnitOfMeasure": fields.unit,
        "TermDuration": fields.term,
        "BillingPlan": _billing_plan,
        "Market": fields.market,
        "Currency": fields.currency,
        "UnitPrice": fields.amount,
        "ERP Price": fields.amount,
        "PricingTierRangeMin": fields.count,
        "PricingTierRangeMax": fields.count,
        "EffectiveStartDate": fields.start,
        "EffectiveEndDate": fields.end,
        "Segment": _segment,
    },
    _stage,
)
