"""Stock: how many pieces of a SKU can still be ordered, location by location."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from chandlery.catalog import stocking
from chandlery.catalog.errors import StockUnknown
from chandlery.catalog.stock import MAX_PIECES, Stock
from chandlery.kernel.ids import StockId
from chandlery.surfaces.http.call import Call
from chandlery.surfaces.http.decoding import Body
from chandlery.surfaces.http.route import Reply
from chandlery.surfaces.native.dialect import PageQuery, page_reply

Pieces = Annotated[int, Meta(ge=0, le=MAX_PIECES, examples=[40])]
Location = Annotated[str, Meta(examples=["main"])]
SkuCode = Annotated[str, Meta(description="The code of a SKU.", examples=["suite-basic"])]
Oversell = Annotated[bool, Meta(description="More may be ordered than are there.")]
NotifyAt = Annotated[int, Meta(ge=0, le=MAX_PIECES, description="`is_low` from so many pieces on down.")]


class StockBody(msgspec.Struct, kw_only=True):
    """What placed orders want is taken off `quantity` already; below zero it is oversold."""

    id: UUID
    sku_id: UUID
    sku: str
    location: str
    quantity: int
    oversell: bool
    notify_at: int | None
    is_low: bool
    created_at: datetime
    updated_at: datetime
    version: int


class NewStock(Body):
    """From now on the SKU is counted. Several locations of one SKU count together."""

    sku: SkuCode
    quantity: Pieces
    location: Location = "main"
    oversell: Oversell = False
    notify_at: NotifyAt | None = None


class StockChange(Body):
    """What is left out stays. `adjust_by` adds (or, negative, takes away) pieces, whoever books at the same time."""

    quantity: Pieces | None = None
    adjust_by: Annotated[int, Meta(ge=-MAX_PIECES, le=MAX_PIECES, examples=[10])] = 0
    oversell: Oversell | None = None
    notify_at: NotifyAt | None = None


class StockQuery(PageQuery):
    sku: SkuCode | None = None
    location: Location | None = None


async def list_stock(call: Call) -> Reply:
    query: StockQuery = call.query
    command = stocking.FindStock(query.sku, query.location, query.page())
    return page_reply(await call.read(stocking.find_stock, command), _body)


async def add_stock(call: Call, body: NewStock) -> Reply:
    command = stocking.AddStock(body.sku, body.location, body.quantity, body.oversell, body.notify_at)

    def added(found: Stock) -> Reply:
        reply = _reply(found)
        reply.location = call.url(f"/v1/stock/{found.id}")
        return reply

    return await call.perform(stocking.add_stock, command, reply=added)


async def get_stock(call: Call) -> Reply:
    return _reply(await call.read(stocking.get_stock, stock_id(call)))


async def change_stock(call: Call, body: StockChange) -> Reply:
    command = stocking.ChangeStock(
        stock_id(call), body.quantity, body.adjust_by, body.oversell, body.notify_at, call.expected_version
    )
    return await call.perform(stocking.change_stock, command, reply=_reply)


async def remove_stock(call: Call) -> Reply:
    command = stocking.RemoveStock(stock_id(call), call.expected_version)
    return await call.perform(stocking.remove_stock, command, reply=lambda _: Reply())


def stock_id(call: Call) -> StockId:
    return StockId(call.id("stock_id", missing=StockUnknown))


def _reply(found: Stock) -> Reply:
    return Reply(_body(found), etag=found.version)


def _body(found: Stock) -> StockBody:
    return StockBody(
        id=found.id,
        sku_id=found.sku_id,
        sku=found.sku_code,
        location=found.location,
        quantity=found.quantity,
        oversell=found.oversell,
        notify_at=found.notify_at,
        is_low=found.is_low,
        created_at=found.created_at,
        updated_at=found.updated_at,
        version=found.version,
    )
