"""Placing an order: everything is checked once more, at once, and priced as of this moment.

A preview is the same call with `dry_run=True`. `prepare` and `place` are the two halves between which
`processes.checkout` asks for credit; nobody else places an order.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from chandlery.catalog.offers import PlanRef, offers
from chandlery.engine.unit_of_work import Unit
from chandlery.identity import permissions
from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import Problem
from chandlery.kernel.ids import OrderId
from chandlery.ordering import events
from chandlery.ordering._store import orders as store
from chandlery.ordering._store.terms import terms_of
from chandlery.ordering.approval import Approval, Step, steps_wanted
from chandlery.ordering.drafts import load_for_change
from chandlery.ordering.errors import OrderInvalid
from chandlery.ordering.line import Line
from chandlery.ordering.offered import addon_problems, offered_again
from chandlery.ordering.order import Order
from chandlery.ordering.terms import Terms

__all__ = ["Placing", "Submit", "place", "prepare", "submit"]


@dataclass(frozen=True, slots=True)
class Submit:
    order_id: OrderId
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class Placing:
    """A draft that can be placed: its lines at their final prices, and the approvals it takes."""

    draft: Order
    lines: Sequence[Line]
    approvals: tuple[Step, ...]
    limited: bool
    """Whether somebody has set a limit that it may go beyond."""


async def prepare(unit: Unit, actor: Actor, command: Submit) -> Placing:
    """Check and price everything; the prices are stored, and nothing else is done yet."""
    actor.require(permissions.ORDERS_CHECKOUT)
    order = await load_for_change(unit, command.order_id)
    order.open_for_change(unit.now).at_version(command.expected_version)
    if not order.lines:
        raise OrderInvalid(Problem("lines", "There is nothing in this order; add a line first.", "empty"))
    refs = [PlanRef(plan_id) for plan_id in dict.fromkeys(line.plan_id for line in order.lines)]
    terms, offered = await unit.fetch(
        terms_of(order.customer_id), offers(order.customer_id, refs, order.currency)
    )
    terms.require_active()
    places = [f"lines.{index}" for index in range(len(order.lines))]
    problems = [*_field_problems(terms, order, places), *addon_problems(offered, order.lines, places)]
    lines = offered_again(offered, order.lines, places, problems)
    unit.write(store.set_prices(order.id, lines))
    plans = {plan.id: plan for plan in offered.plans}
    wanted = steps_wanted(terms.rules, lines, plans, order.currency)
    return Placing(order, lines, wanted, terms.limited)


def place(unit: Unit, actor: Actor, placing: Placing, holds: Collection[Step] = ()) -> Order:
    """Place the order, or let it wait for its approvals, or, needing none, for what holds it."""
    steps = placing.approvals or tuple(holds)
    if steps:
        placed = placing.draft.wait(placing.lines, Approval(actor.principal, unit.now, steps))
        waits = events.of_waiting(placed)
    else:
        placed = placing.draft.submit(unit.now, placing.lines)
        waits = [events.submitted(placed)]
    unit.write(store.save_order(placed, placed.lines))
    for event in waits:
        unit.emit(event)
    return placed.seen_by(actor)


async def submit(unit: Unit, actor: Actor, command: Submit) -> Order:
    """Both halves, for an order whose credit nobody limits; surfaces call `processes.checkout`."""
    placing = await prepare(unit, actor, command)
    if placing.limited:
        raise RuntimeError("nobody asked for credit: place this order through processes.checkout")
    return place(unit, actor, placing)


def _field_problems(terms: Terms, order: Order, places: Sequence[str]) -> list[Problem]:
    """What is still missing in custom fields, or is not allowed any more."""
    fields = terms.fields
    problems = fields.problems_at_checkout("order", order.custom_fields, "custom_fields")
    for line, place_ in zip(order.lines, places, strict=True):
        problems += fields.problems_at_checkout("line", line.custom_fields, f"{place_}.custom_fields")
    return problems
