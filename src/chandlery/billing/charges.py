"""What can be done with charges: put one on an order, take it off, see them; and the terms that follow.

This room does not know orders. Who calls has loaded the order, and says between which two parties the charge is.
Events name no figure: whoever is above the seller reads them too.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from chandlery.billing._store import charges as store
from chandlery.billing._store.charges import keep_terms, terms_of
from chandlery.billing.charge import MAX_CHARGES, Charge, ChargeKind
from chandlery.billing.errors import ChargesTooMany, ChargeUnfit
from chandlery.billing.terms import ASSESSMENT
from chandlery.engine.unit_of_work import Reader, Unit
from chandlery.identity import permissions
from chandlery.identity.features import come_to_use
from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import Problem
from chandlery.kernel.events import Event
from chandlery.kernel.ids import ChargeId, LineId, OrderId, OrganizationId, new_id
from chandlery.kernel.money import MAX_MINOR
from chandlery.kernel.text import is_one_line

__all__ = [
    "AddCharge",
    "Between",
    "Charge",
    "RemoveCharge",
    "add_charge",
    "find_charges",
    "keep_terms",
    "remove_charge",
    "terms_of",
]

MAX_LABEL = 200
MAX_CLASS = 50
MAX_DECIMALS = 6


@dataclass(frozen=True, slots=True)
class Between:
    """An order, whose it is, and two neighbours in its chain: what `issuer_id` asks of `recipient_id`."""

    order_id: OrderId
    customer_id: OrganizationId
    issuer_id: OrganizationId
    recipient_id: OrganizationId


@dataclass(frozen=True, slots=True)
class AddCharge:
    """Either a percentage or an amount in minor units of the order's currency; on a line, or on the whole order."""

    order_id: OrderId
    kind: ChargeKind
    label: str
    percent: Decimal | None = None
    amount_minor: int | None = None
    line_id: LineId | None = None
    product_class: str = ""
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class RemoveCharge:
    order_id: OrderId
    charge_id: ChargeId
    expected_version: int | None = None


async def add_charge(unit: Unit, actor: Actor, between: Between, command: AddCharge) -> Charge:
    """Put a charge on an order that this unit has locked."""
    actor.require(permissions.ORDERS_WRITE)
    problems = _problems(command)
    if problems:
        raise ChargeUnfit(*problems)
    known = await unit.fetch(store.charges_of(between.order_id))
    if len(known) >= MAX_CHARGES:
        raise ChargesTooMany
    new = Charge(
        ChargeId(new_id()), command.kind, command.label, command.percent, command.amount_minor,
        command.line_id, command.product_class,
    )  # fmt: skip
    unit.write(store.add(between.order_id, between.issuer_id, between.recipient_id, new))
    come_to_use(unit, ASSESSMENT)
    unit.emit(_event("order.charge_added", between, new))
    return new


async def remove_charge(unit: Unit, actor: Actor, between: Between, charge_id: ChargeId) -> None:
    """Take a charge of the actor's own off an order that this unit has locked."""
    actor.require(permissions.ORDERS_WRITE)
    found = await unit.fetch(store.own_charge(between.order_id, charge_id))
    unit.write(store.remove(charge_id))
    unit.emit(_event("order.charge_removed", between, found))


async def find_charges(reader: Reader, actor: Actor, order_id: OrderId) -> list[Charge]:
    actor.require(permissions.ORDERS_READ)
    return await reader.fetch(store.charges_of(order_id))


def _event(name: str, between: Between, charge: Charge) -> Event:
    data = {"charge_id": str(charge.id), "kind": charge.kind}
    return Event(name, between.order_id, between.customer_id, data)


def _problems(command: AddCharge) -> list[Problem]:
    problems = []
    if not 1 <= len(command.label.strip()) <= MAX_LABEL or not is_one_line(command.label):
        problems.append(
            Problem("label", f"Give a label of 1 to {MAX_LABEL} characters, on one line.", "text")
        )
    if (command.percent is None) == (command.amount_minor is None):
        problems.append(Problem("amount_minor", "Give either an amount or a percentage.", "one_of"))
    if command.percent is not None and not is_percentage(command.percent):
        message = f"Give a percentage above 0 and up to 100, with at most {MAX_DECIMALS} decimals."
        problems.append(Problem("percent", message, "out_of_range"))
    if command.amount_minor is not None and not 0 < command.amount_minor < MAX_MINOR:
        problems.append(Problem("amount_minor", "Give an amount above zero, in minor units.", "out_of_range"))
    problems += class_problems(command.product_class)
    return problems


def class_problems(product_class: str) -> list[Problem]:
    if len(product_class) <= MAX_CLASS and is_one_line(product_class):
        return []
    message = f"Give the name of a class, of at most {MAX_CLASS} characters."
    return [Problem("product_class", message, "text")]


def is_percentage(percent: Decimal) -> bool:
    exponent = percent.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -MAX_DECIMALS and 0 < percent <= 100
