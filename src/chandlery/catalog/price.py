"""List prices, price rules, and how one step of the waterfall comes about.

A vendor publishes a price for a number of billing periods (a year's price, billed monthly, is a price for twelve).
Prices stay in that form through the whole waterfall, because a twelfth may have no last decimal; `Price.rate` shows
what one period comes to, and `Price.owed_for` multiplies before it divides and rounds once.

Which rule holds for a step, most specific first:

    1. a rule for this recipient before one for everybody below the issuer
    2. for the plan, before its SKU, its product, its vendor, before all
    3. the highest `min_quantity` that the quantity reaches
    4. the latest `effective_from`
    5. one for the order's currency before one for any

No rule at all: the buy rate passes through unchanged.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, localcontext
from typing import Literal, TypeAlias
from uuid import UUID

from chandlery.catalog.plan import Plan
from chandlery.kernel.clock import FOREVER
from chandlery.kernel.errors import Problem
from chandlery.kernel.ids import OrganizationId, PlanId, PriceRuleId
from chandlery.kernel.money import AmountOutOfRange, Money, owed

RuleKind: TypeAlias = Literal["percent", "fixed", "override", "list_percent"]
TargetKind: TypeAlias = Literal["all", "vendor", "product", "sku", "plan"]

RATE_DECIMALS = 18
_DIGITS = 100
_SPECIFICITY = {"all": 0, "vendor": 1, "product": 2, "sku": 3, "plan": 4}


@dataclass(frozen=True, slots=True)
class Price:
    """What one unit costs for `periods` billing periods together."""

    amount: Decimal
    periods: int = 1

    @property
    def rate(self) -> Decimal:
        """Per unit and billing period; exact unless the division goes beyond the eighteenth decimal."""
        with localcontext(prec=_DIGITS):
            rate = self.amount / self.periods
            exponent = rate.as_tuple().exponent
            return (
                round(rate, RATE_DECIMALS)
                if isinstance(exponent, int) and exponent < -RATE_DECIMALS
                else rate
            )

    def owed_for(self, quantity: int, currency: str) -> Money:
        """What `quantity` units come to for one billing period, rounded once."""
        with localcontext(prec=_DIGITS):
            exact = self.amount * quantity / self.periods
        try:
            return owed(exact, 1, currency)
        except AmountOutOfRange:
            problem = Problem("quantity", AmountOutOfRange.message(), AmountOutOfRange.code())
            raise AmountOutOfRange(problem, given=str(quantity)) from None


@dataclass(frozen=True, slots=True)
class ListPrice:
    """The vendor's price of a plan for quantities of a tier: what the operator pays, and what it suggests."""

    plan_id: PlanId
    market: str
    min_quantity: int
    max_quantity: int | None
    cost: Decimal
    retail: Decimal
    periods: int = 1

    def covers(self, quantity: int) -> bool:
        return self.min_quantity <= quantity and (self.max_quantity is None or quantity <= self.max_quantity)


@dataclass(frozen=True, slots=True)
class PriceRule:
    """What an organisation asks of those directly below it, in the half-open time [from, until).

    `percent`       the buy rate plus so many percent of it (may be negative)
    `fixed`         the buy rate plus an amount per unit and billing period
    `override`      this rate, per unit and billing period
    `list_percent`  so many percent of the vendor's suggested retail price
    """

    id: PriceRuleId
    issuer_id: OrganizationId
    recipient_id: OrganizationId | None
    target_kind: TargetKind
    target_id: UUID | None
    kind: RuleKind
    value: Decimal
    currency: str | None
    min_quantity: int
    effective_from: datetime
    effective_until: datetime = FOREVER
    version: int = 1

    def holds(self, step: Step) -> bool:
        return (
            self.issuer_id == step.issuer_id
            and self.recipient_id in (None, step.recipient_id)
            and (self.target_kind == "all" or self.target_id == step.target(self.target_kind))
            and self.currency in (None, step.currency)
            and self.min_quantity <= step.quantity
            and self.effective_from <= step.at < self.effective_until
        )

    @property
    def rank(self) -> tuple[bool, int, int, datetime, bool, UUID]:
        """Higher is more specific, in the order that the module's caption publishes; the id only breaks ties."""
        return (
            self.recipient_id is not None,
            _SPECIFICITY[self.target_kind],
            self.min_quantity,
            self.effective_from,
            self.currency is not None,
            self.id,
        )

    def applied(self, buy: Price, retail: Decimal) -> Price:
        """What the recipient pays, given what the issuer pays and the list price for the same periods; never < 0."""
        with localcontext(prec=_DIGITS):
            return Price(max(self._amount(buy, retail), Decimal(0)), buy.periods)

    def _amount(self, buy: Price, retail: Decimal) -> Decimal:
        match self.kind:
            case "percent":
                return buy.amount + buy.amount * self.value / 100
            case "fixed":
                return buy.amount + self.value * buy.periods
            case "override":
                return self.value * buy.periods
            case "list_percent":
                return retail * self.value / 100


@dataclass(frozen=True, slots=True)
class Step:
    """The question that a rule answers: what does this recipient pay this issuer?"""

    issuer_id: OrganizationId
    recipient_id: OrganizationId
    plan: Plan
    currency: str
    quantity: int
    at: datetime

    def target(self, kind: TargetKind) -> UUID | None:
        return {
            "plan": self.plan.id,
            "sku": self.plan.sku_id,
            "product": self.plan.product_id,
            "vendor": self.plan.vendor_id,
        }.get(kind)


def rule_for(step: Step, rules: Iterable[PriceRule]) -> PriceRule | None:
    """The most specific of the rules that hold for a step, whatever their order."""
    return max((rule for rule in rules if rule.holds(step)), key=lambda rule: rule.rank, default=None)
