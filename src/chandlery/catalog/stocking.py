"""Counting pieces, which is the operator's business, and taking and giving them back, which ordering does.

offers      say how many are left, so that a line is checked without another statement
take        as a write of the checkout: the shelves are locked and counted once more
give_back   as a write of whatever undoes a line: cancelling, declining, sending back
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from chandlery.catalog._store import shelves as _store
from chandlery.catalog.editing import require_operator
from chandlery.catalog.errors import SkuUnknown, StockInvalid
from chandlery.catalog.stock import Stock, count_problems, location_problems
from chandlery.engine.statements import Write
from chandlery.engine.unit_of_work import Reader, Unit
from chandlery.identity import permissions
from chandlery.kernel.actor import Actor
from chandlery.kernel.events import Event
from chandlery.kernel.ids import LineId, OrderId, OrganizationId, PlanId, StockId, new_id
from chandlery.kernel.page import Page, PageRequest, page_of

__all__ = [
    "AddStock",
    "ChangeStock",
    "FindStock",
    "RemoveStock",
    "Stock",
    "add_stock",
    "change_stock",
    "find_stock",
    "get_stock",
    "give_back",
    "remove_stock",
    "take",
]


@dataclass(frozen=True, slots=True)
class AddStock:
    """From now on the SKU is counted: so many pieces at that location."""

    sku: str
    location: str = "main"
    quantity: int = 0
    oversell: bool = False
    notify_at: int | None = None


@dataclass(frozen=True, slots=True)
class ChangeStock:
    """What is None stays. `adjust_by` goes on top, so that two who book at once do not undo each other."""

    stock_id: StockId
    quantity: int | None = None
    adjust_by: int = 0
    oversell: bool | None = None
    notify_at: int | None = None
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class RemoveStock:
    stock_id: StockId
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class FindStock:
    """Stock in the order in which it was added: of one SKU (by code), at one location."""

    sku: str | None = None
    location: str | None = None
    page: PageRequest = field(default_factory=PageRequest)


def take(order_id: OrderId, plan_by_line: Mapping[LineId, tuple[PlanId, int]]) -> Write:
    """Take the pieces of an order's lines off the shelves; one that is not counted takes nothing."""
    return _store.take(order_id, plan_by_line)


def give_back(order_id: OrderId, pieces: Mapping[LineId, int | None]) -> Write:
    """Put pieces of an order's lines back where they came from (None: all); never more than were taken."""
    return _store.give_back(order_id, pieces)


async def add_stock(unit: Unit, actor: Actor, command: AddStock) -> Stock:
    actor.require(permissions.STOCK_WRITE)
    require_operator(actor)
    problems = location_problems(command.location)
    problems += count_problems("quantity", command.quantity) + count_problems("notify_at", command.notify_at)
    if problems:
        raise StockInvalid(*problems)
    sku_id = await unit.fetch(_store.sku_by_code(command.sku))
    if sku_id is None:
        raise SkuUnknown("sku", given=command.sku)
    empty = Stock(
        id=StockId(new_id()),
        sku_id=sku_id,
        sku_code=command.sku,
        location=command.location,
        quantity=0,
        oversell=command.oversell,
        notify_at=command.notify_at,
        created_at=unit.now,
        updated_at=unit.now,
    )
    added = replace(empty.recounted(command.quantity, 0, None, unit.now), version=1)
    unit.write(_store.insert(added))
    unit.emit(_happened(actor, "added", added))
    return added


async def change_stock(unit: Unit, actor: Actor, command: ChangeStock) -> Stock:
    actor.require(permissions.STOCK_WRITE)
    require_operator(actor)
    problems = [
        problem
        for name in ("quantity", "adjust_by", "notify_at")
        for problem in count_problems(name, getattr(command, name))
    ]
    if problems:
        raise StockInvalid(*problems)
    found = (await unit.fetch(_store.by_id(command.stock_id, lock=True))).at_version(command.expected_version)
    changed = found.recounted(command.quantity, command.adjust_by, command.oversell, unit.now)
    if command.notify_at is not None:
        changed = replace(changed, notify_at=command.notify_at)
    unit.write(_store.update(changed))
    unit.emit(_happened(actor, "changed", changed))
    return changed


async def remove_stock(unit: Unit, actor: Actor, command: RemoveStock) -> None:
    """Count no longer at that location; a SKU without any stock is never short."""
    actor.require(permissions.STOCK_WRITE)
    require_operator(actor)
    found = (await unit.fetch(_store.by_id(command.stock_id, lock=True))).at_version(command.expected_version)
    unit.write(_store.delete(found.id))
    unit.emit(_happened(actor, "removed", found))


async def get_stock(reader: Reader, actor: Actor, stock_id: StockId) -> Stock:
    actor.require(permissions.STOCK_READ)
    return await reader.fetch(_store.by_id(stock_id))


async def find_stock(reader: Reader, actor: Actor, command: FindStock) -> Page[Stock]:
    actor.require(permissions.STOCK_READ)
    if not all(text is None or text.isprintable() for text in (command.sku, command.location)):
        return Page(())
    found = await reader.fetch(_store.find(command.sku, command.location, command.page))
    return page_of(found, command.page.limit, lambda one: (one.created_at, one.id))


def _happened(actor: Actor, what: str, stock: Stock) -> Event:
    data = {"sku": stock.sku_code, "location": stock.location, "quantity": stock.quantity}
    return Event(f"stock.{what}", stock.id, OrganizationId(actor.tenant_id), data)
