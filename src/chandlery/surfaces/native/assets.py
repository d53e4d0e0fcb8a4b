"""Assets: what customers bought once and own."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec

from chandlery.kernel.ids import AssetId, OrderId, OrganizationId
from chandlery.subscriptions import assets
from chandlery.subscriptions.asset import Asset, AssetStatus
from chandlery.subscriptions.errors import AssetUnknown
from chandlery.surfaces.http.call import Call
from chandlery.surfaces.http.route import Reply
from chandlery.surfaces.native.dialect import PageQuery, page_reply
from chandlery.surfaces.native.fields import Id


class AssetBody(msgspec.Struct, kw_only=True):
    """All pieces of one order line; `serial_numbers` are those known of pieces that are still owned."""

    id: UUID
    customer_id: UUID
    status: AssetStatus
    plan_id: UUID
    plan_code: str
    name: str
    quantity: int
    returned_quantity: int
    serial_numbers: list[str]
    vendor_reference: str
    order_id: UUID
    line_id: UUID
    created_at: datetime
    ended_at: datetime | None
    version: int


class AssetQuery(PageQuery):
    customer_id: Id | None = None
    order_id: Id | None = None
    status: AssetStatus | None = None


async def list_assets(call: Call) -> Reply:
    query: AssetQuery = call.query
    command = assets.FindAssets(
        OrganizationId(query.customer_id) if query.customer_id else None,
        OrderId(query.order_id) if query.order_id else None,
        query.status,
        query.page(),
    )
    return page_reply(await call.read(assets.find_assets, command), _body)


async def get_asset(call: Call) -> Reply:
    return _reply(await call.read(assets.get_asset, asset_id(call)))


async def retire_asset(call: Call) -> Reply:
    command = assets.RetireAsset(asset_id(call), call.expected_version)
    return await call.perform(assets.retire_asset, command, reply=_reply)


def asset_id(call: Call) -> AssetId:
    return AssetId(call.id("asset_id", missing=AssetUnknown))


def _reply(found: Asset) -> Reply:
    return Reply(_body(found), etag=found.version)


def _body(found: Asset) -> AssetBody:
    return AssetBody(
        id=found.id,
        customer_id=found.customer_id,
        status=found.status,
        plan_id=found.plan_id,
        plan_code=found.plan_code,
        name=found.name,
        quantity=found.quantity,
        returned_quantity=found.returned_quantity,
        serial_numbers=list(found.serial_numbers),
        vendor_reference=found.vendor_reference,
        order_id=found.order_id,
        line_id=found.line_id,
        created_at=found.created_at,
        ended_at=found.ended_at,
        version=found.version,
    )
