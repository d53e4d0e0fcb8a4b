"""What a customer is offered: a plan at a price, with every step of the price from the vendor down to the customer.

Pure nouns, put together from one answer of the database (`offers.offers`). They know the prices of every tier, so they
stay inside the server: what leaves it is a party's own step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any, Literal, TypeAlias

from chandlery.catalog.errors import (
    CurrencyNotPriced,
    CustomerUnknown,
    MarketNotKnown,
    PlanNotNamed,
    PlanNotSold,
    QuantityNotPriced,
    SkuAmbiguous,
    SkuUnknown,
)
from chandlery.catalog.plan import Plan
from chandlery.catalog.price import ListPrice, Price, PriceRule, RuleKind, Step, rule_for
from chandlery.kernel.errors import Problem
from chandlery.kernel.ids import OrganizationId, PlanId, PriceRuleId
from chandlery.kernel.money import Money

Basis: TypeAlias = Literal["vendor", "unchanged"] | RuleKind


@dataclass(frozen=True, slots=True)
class PlanRef:
    """How a line names what it wants: by plan, or by a SKU or plan code that means exactly one plan."""

    plan_id: PlanId | None = None
    sku: str | None = None


@dataclass(frozen=True, slots=True)
class PriceStep:
    """What `recipient_id` pays `issuer_id` (None: the vendor), per unit and billing period and for the quantity.

    `price` keeps the rate exact over the periods that the vendor's price covers. `rule_id` and `basis` are the
    issuer's affair: a recipient may read them only of a rule that names it.
    """

    issuer_id: OrganizationId | None
    recipient_id: OrganizationId
    rate: Decimal
    amount: Money
    rule_id: PriceRuleId | None
    basis: Basis
    price: Price


@dataclass(frozen=True, slots=True)
class Quote:
    """Every step of a price, vendor first; the last one is what the customer pays."""

    currency: str
    quantity: int
    steps: tuple[PriceStep, ...]

    @property
    def charged(self) -> PriceStep:
        return self.steps[-1]


@dataclass(frozen=True, slots=True)
class Offer:
    """A plan as it is offered to one customer, in one currency, at one time."""

    plan: Plan
    currency: str
    at: datetime
    chain: tuple[OrganizationId, ...]
    prices: tuple[ListPrice, ...]
    rules: tuple[PriceRule, ...]

    def quote(self, quantity: int, field: str = "quantity") -> Quote:
        listed = self._listed(quantity)
        if listed is None:
            raise QuantityNotPriced(field, given=str(quantity))
        price = Price(listed.cost, listed.periods)
        steps = [self._step(None, self.chain[0], price, None, quantity)]
        for issuer_id, recipient_id in pairwise(self.chain):
            rule = rule_for(
                Step(issuer_id, recipient_id, self.plan, self.currency, quantity, self.at), self.rules
            )
            price = price if rule is None else rule.applied(price, listed.retail)
            steps.append(self._step(issuer_id, recipient_id, price, rule, quantity))
        return Quote(self.currency, quantity, tuple(steps))

    def check(self, quantity: int, characteristics: Mapping[str, Any], field: str = "") -> list[Problem]:
        """Every problem of such a line at once; `field` is its place in the request (`lines.0`)."""
        problems = list(self.plan.quantity_problems(quantity, _below(field, "quantity")))
        if not problems and self._listed(quantity) is None:
            problems.extend(QuantityNotPriced(_below(field, "quantity")).problems)
        problems.extend(self.plan.characteristic_problems(characteristics, _below(field, "characteristics")))
        return problems

    def _listed(self, quantity: int) -> ListPrice | None:
        tiers = [price for price in self.prices if price.covers(quantity)]
        return max(tiers, key=lambda price: price.min_quantity, default=None)

    def _step(
        self,
        issuer_id: OrganizationId | None,
        recipient_id: OrganizationId,
        price: Price,
        rule: PriceRule | None,
        quantity: int,
    ) -> PriceStep:
        metered = self.plan.charge == "metered"
        amount = Money(0, self.currency) if metered else price.owed_for(quantity, self.currency)
        basis: Basis = "vendor" if issuer_id is None else "unchanged" if rule is None else rule.kind
        return PriceStep(issuer_id, recipient_id, price.rate, amount, rule.id if rule else None, basis, price)


@dataclass(frozen=True, slots=True)
class Offers:
    """What one customer is offered of the plans that were asked for. An empty chain: there is no such customer."""

    customer_id: OrganizationId
    currency: str
    at: datetime | None = None
    market: str = ""
    chain: tuple[OrganizationId, ...] = ()
    plans: tuple[Plan, ...] = ()
    prices: tuple[ListPrice, ...] = ()
    rules: tuple[PriceRule, ...] = ()

    @property
    def seller_id(self) -> OrganizationId | None:
        """Who sells to the customer; None when the customer is the operator itself."""
        return self.chain[-2] if len(self.chain) > 1 else None

    def pick(self, ref: PlanRef, field: str = "") -> Offer:
        """The offer that a line means; `field` is the line's place in the request (`lines.0`)."""
        if not self.chain or self.at is None:
            raise CustomerUnknown("customer_id", given=str(self.customer_id))
        plan = self._plan(ref, field)
        prices = self._in_market([price for price in self.prices if price.plan_id == plan.id], field)
        if not prices:
            raise CurrencyNotPriced(_below(field, "currency"), given=self.currency)
        return Offer(plan, self.currency, self.at, self.chain, tuple(prices), self.rules)

    def _plan(self, ref: PlanRef, field: str) -> Plan:
        if (ref.plan_id is None) == (ref.sku is None):
            raise PlanNotNamed(_below(field, "plan_id"))
        on_sale = [plan for plan in self.plans if plan.status == "active"]
        if ref.plan_id is not None:
            found = [plan for plan in on_sale if plan.id == ref.plan_id]
            if not found:
                raise PlanNotSold(_below(field, "plan_id"), given=str(ref.plan_id))
            return found[0]
        sku = ref.sku or ""
        found = [plan for plan in on_sale if plan.code == sku] or [
            plan for plan in on_sale if plan.sku_code == sku
        ]
        if not found:
            raise SkuUnknown(_below(field, "sku"), given=sku)
        if len(found) > 1:
            raise SkuAmbiguous(_below(field, "sku"), [plan.id for plan in found], given=sku)
        return found[0]

    def _in_market(self, prices: Sequence[ListPrice], field: str) -> Sequence[ListPrice]:
        """The customer's own market, else prices for every market, else the only market there is."""
        markets = {price.market for price in prices}
        for market in (self.market, ""):
            if market in markets:
                return [price for price in prices if price.market == market]
        if len(markets) > 1:
            raise MarketNotKnown(_below(field, "currency"), given=", ".join(sorted(markets)))
        return prices


def _below(field: str, name: str) -> str:
    return f"{field}.{name}" if field else name
