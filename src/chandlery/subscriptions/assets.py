"""A line that was bought once becomes an asset, once. It ends when all of it has gone back, or when it is retired."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from chandlery.engine.unit import Reader, Unit
from chandlery.identity import permissions
from chandlery.kernel.actor import Actor
from chandlery.kernel.events import Event
from chandlery.kernel.ids import AssetId, LineId, OrderId, OrganizationId, PlanId, new_id
from chandlery.kernel.page import Page, PageRequest, page_of
from chandlery.subscriptions._store import assets as _store
from chandlery.subscriptions.asset import Asset, AssetStatus


@dataclass(frozen=True, slots=True)
class Own:
    customer_id: OrganizationId
    order_id: OrderId
    line_id: LineId
    plan_id: PlanId
    plan_code: str
    name: str
    quantity: int
    serial_numbers: tuple[str, ...] = ()
    vendor_reference: str = ""


@dataclass(frozen=True, slots=True)
class TakeBack:
    """Pieces of one line that the customer has sent back."""

    line_id: LineId
    quantity: int
    serial_numbers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RetireAsset:
    asset_id: AssetId
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class FindAssets:
    """Assets in the actor's reach, newest first; of one customer or order, in one status."""

    customer_id: OrganizationId | None = None
    order_id: OrderId | None = None
    status: AssetStatus | None = None
    page: PageRequest = field(default_factory=PageRequest)


async def own(unit: Unit, actor: Actor, command: Own) -> AssetId:
    """The customer owns this from now on. The story that calls has locked the order, and completes the line."""
    actor.require(permissions.ASSETS_WRITE)
    new = Asset(
        id=AssetId(new_id()),
        customer_id=command.customer_id,
        order_id=command.order_id,
        line_id=command.line_id,
        plan_id=command.plan_id,
        plan_code=command.plan_code,
        name=command.name,
        quantity=command.quantity,
        created_at=unit.now,
        serial_numbers=command.serial_numbers,
        vendor_reference=command.vendor_reference,
    )
    unit.write(_store.insert(new))
    unit.emit(_happened(new, "created"))
    return new.id


async def take_back(unit: Unit, actor: Actor, pieces: Sequence[TakeBack]) -> None:
    """What was received is not owned any more; a line without an asset had nothing to own."""
    actor.require(permissions.ASSETS_WRITE)
    known = await unit.fetch(_store.by_lines([one.line_id for one in pieces]))
    for one in pieces:
        if one.line_id in known:
            after = known[one.line_id].returned(one.quantity, one.serial_numbers, unit.now)
            unit.write(_store.save(after))
            unit.emit(_happened(after, "returned"))


async def retire_asset(unit: Unit, actor: Actor, command: RetireAsset) -> Asset:
    actor.require(permissions.ASSETS_WRITE)
    found = await unit.fetch(_store.by_id(command.asset_id, lock=True))
    retired = found.at_version(command.expected_version).retire(unit.now)
    unit.write(_store.save(retired))
    unit.emit(_happened(retired, "retired"))
    return retired


async def get_asset(reader: Reader, actor: Actor, asset_id: AssetId) -> Asset:
    actor.require(permissions.ASSETS_READ)
    return await reader.fetch(_store.by_id(asset_id))


async def find_assets(reader: Reader, actor: Actor, command: FindAssets) -> Page[Asset]:
    actor.require(permissions.ASSETS_READ)
    wanted = _store.AssetFilter(
        command.customer_id, command.order_id, command.status, actor.organization_id == actor.tenant_id
    )
    found = await reader.fetch(_store.find(wanted, command.page))
    return page_of(found, command.page.limit, lambda one: (one.created_at, one.id))


def _happened(asset: Asset, what: str) -> Event:
    data = {
        "order_id": str(asset.order_id),
        "line_id": str(asset.line_id),
        "plan_code": asset.plan_code,
        "quantity": asset.quantity,
        "returned_quantity": asset.returned_quantity,
        "status": asset.status.value,
    }
    return Event(f"asset.{what}", asset.id, asset.customer_id, data)
