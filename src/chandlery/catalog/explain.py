"""How a price came about, for the one who asks: what it pays, and what it asks of those below. Nobody else's step."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from chandlery.catalog.offer import Offer, PlanRef, PriceStep
from chandlery.catalog.offers import offers
from chandlery.catalog.plan import Plan
from chandlery.catalog.price import PriceRule
from chandlery.engine.unit_of_work import Reader
from chandlery.identity import permissions
from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import Invalid
from chandlery.kernel.ids import OrganizationId
from chandlery.kernel.money import Money


@dataclass(frozen=True, slots=True)
class Explain:
    """The price of a plan for an organisation: the asker's own, or one below it (None: the asker)."""

    ref: PlanRef
    currency: str
    customer_id: OrganizationId | None = None
    quantity: int = 1
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ExplainedStep:
    """`buy`: what the asker pays; `sell`: what it asks. `rule` only when the asker may read it."""

    side: Literal["buy", "sell"]
    issuer_id: OrganizationId | None
    recipient_id: OrganizationId
    rate: Decimal
    amount: Money
    rule: PriceRule | None
    because: str


@dataclass(frozen=True, slots=True)
class Explanation:
    plan: Plan
    currency: str
    quantity: int
    at: datetime
    steps: tuple[ExplainedStep, ...]


async def explain(reader: Reader, actor: Actor, command: Explain) -> Explanation:
    actor.require(permissions.PRICES_READ)
    me = actor.organization_id
    offered = await reader.fetch(
        offers(command.customer_id or me, [command.ref], command.currency, command.at)
    )
    offer = offered.pick(command.ref)
    problems = list(offer.plan.quantity_problems(command.quantity, "quantity"))
    if problems:
        raise Invalid(*problems)
    return explained(offer, command.quantity, me)


def explained(offer: Offer, quantity: int, me: OrganizationId) -> Explanation:
    """One party's view of an offer: of the whole chain, the two steps that it is a part of."""
    steps = offer.quote(quantity).steps
    rules = {rule.id: rule for rule in offer.rules}
    bought = [step for step in steps if step.recipient_id == me]
    shown = []
    for step in steps:
        rule = rules[step.rule_id] if step.rule_id is not None else None
        if step.recipient_id == me:
            visible = rule if rule is not None and rule.recipient_id == me else None
            shown.append(_shown("buy", step, visible, _why_bought(step, visible)))
        elif step.issuer_id == me:
            shown.append(_shown("sell", step, rule, _why_sold(bought[0], rule)))
    return Explanation(offer.plan, offer.currency, quantity, offer.at, tuple(shown))


def _shown(
    side: Literal["buy", "sell"], step: PriceStep, rule: PriceRule | None, because: str
) -> ExplainedStep:
    return ExplainedStep(side, step.issuer_id, step.recipient_id, step.rate, step.amount, rule, because)


def _why_bought(step: PriceStep, rule: PriceRule | None) -> str:
    if step.issuer_id is None:
        if step.price.periods == 1:
            return "the vendor's list price"
        return (
            f"the vendor's list price of {_plain(step.price.amount)} for {step.price.periods} billing periods"
        )
    return "your seller's price" if rule is None else f"your seller's price rule for you: {_worded(rule)}"


def _why_sold(bought: PriceStep, rule: PriceRule | None) -> str:
    if rule is None:
        return f"what you pay, {_plain(bought.rate)}, unchanged: none of your price rules holds here"
    return f"your price rule {_worded(rule)}, where you pay {_plain(bought.rate)}"


def _worded(rule: PriceRule) -> str:
    value = _plain(rule.value)
    match rule.kind:
        case "percent":
            return f"{value} % on the buy rate"
        case "fixed":
            return f"{value} {rule.currency} on the buy rate"
        case "override":
            return f"{value} {rule.currency}"
        case "list_percent":
            return f"{value} % of the vendor's suggested price"


def _plain(value: Decimal) -> str:
    """Without an exponent or trailing zeros: 8.8, 100, 0.0295."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
