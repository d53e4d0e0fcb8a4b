"""What an order comes to for whoever looks at it: its lines from ordering, and what billing puts on top.

A tenant without any charge or tax rule pays nothing for this: `unit.uses` tells without a statement. The others pay
one statement, and one round trip, per answer.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import TypeVar

from chandlery.billing.assessment import Assessment, Item
from chandlery.billing.charges import terms_of
from chandlery.billing.terms import ASSESSMENT, Dealing, Terms
from chandlery.engine.unit_of_work import Reader
from chandlery.kernel.actor import Actor
from chandlery.kernel.ids import OrganizationId
from chandlery.kernel.page import Page
from chandlery.ordering.line import Line
from chandlery.ordering.order import Order
from chandlery.ordering.status import OrderStatus

C = TypeVar("C")
R = TypeVar("R", bound=Reader)


@dataclass(frozen=True, slots=True)
class Totalled:
    """An order with what comes on top; None where nothing does."""

    order: Order
    assessment: Assessment | None = None


def totalled(
    use_case: Callable[[R, Actor, C], Awaitable[Order]],
) -> Callable[[R, Actor, C], Awaitable[Totalled]]:
    """A use case that answers an order, answering it with its totals."""

    @wraps(use_case)
    async def with_totals(unit: R, actor: Actor, command: C) -> Totalled:
        order = await use_case(unit, actor, command)
        return (await total(unit, actor, (order,)))[0]

    return with_totals


def all_totalled(
    use_case: Callable[[R, Actor, C], Awaitable[Page[Order]]],
) -> Callable[[R, Actor, C], Awaitable[Page[Totalled]]]:
    """The same for a page of orders."""

    @wraps(use_case)
    async def with_totals(unit: R, actor: Actor, command: C) -> Page[Totalled]:
        page = await use_case(unit, actor, command)
        return Page(await total(unit, actor, page.items), page.next_cursor)

    return with_totals


async def total(reader: Reader, actor: Actor, orders: Sequence[Order]) -> list[Totalled]:
    dealings = [dealing for order in orders if (dealing := dealing_of(order, actor.organization_id))]
    if not dealings or not reader.uses(ASSESSMENT):
        return [Totalled(order) for order in orders]
    terms = await reader.fetch(terms_of(dealings))
    return [_assessed(order, terms.get(order.id), actor.organization_id) for order in orders]


def dealing_of(order: Order, viewer: OrganizationId) -> Dealing | None:
    """Between whom the prices are that the viewer charges or, charging nobody, pays; None when that is the vendor."""
    price = next((price for line in order.lines if (price := line.price(viewer))), None)
    if price is None or price.issuer_id is None:
        return None
    plans = tuple(dict.fromkeys(line.plan_id for line in order.lines))
    is_draft = order.status is OrderStatus.DRAFT
    return Dealing(order.id, price.issuer_id, price.recipient_id, plans, is_draft)


def items_of(lines: Sequence[Line], terms: Terms, viewer: OrganizationId) -> list[Item]:
    return [
        Item(line.id, price.amount_minor, terms.classes.get(line.plan_id, ""))
        for line in lines
        if (price := line.price(viewer))
    ]


def _assessed(order: Order, terms: Terms | None, viewer: OrganizationId) -> Totalled:
    if terms is None:
        return Totalled(order)
    return Totalled(order, terms.assess(order.currency, items_of(order.lines, terms, viewer)))
