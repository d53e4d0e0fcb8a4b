"""The part of the table of contents that is about goods: stock, shipments, returns, and what customers own."""

from __future__ import annotations

from chandlery.identity import permissions as p
from chandlery.surfaces.native import assets, catalog, returns, shipments, stock
from chandlery.surfaces.native.dialect import PageBody
from chandlery.surfaces.native.entry import entry as _to

# fmt: off
GOODS = (
    _to("PUT", "/v1/plans/{plan_id}/fulfilment", catalog.set_plan_fulfilment, p.CATALOG_WRITE,
        "Say what completes a line of a plan", status=204, body=catalog.PlanFulfilment,
        description="Lines that are placed already stay as they are."),

    _to("GET", "/v1/stock", stock.list_stock, p.STOCK_READ, "How many pieces are left, and where",
        query=stock.StockQuery, reply=PageBody[stock.StockBody]),
    _to("POST", "/v1/stock", stock.add_stock, p.STOCK_WRITE, "Count the pieces of a SKU at a location", status=201,
        description="A SKU without stock is never short.", body=stock.NewStock, reply=stock.StockBody),
    _to("GET", "/v1/stock/{stock_id}", stock.get_stock, p.STOCK_READ, "Stock at one location", reply=stock.StockBody),
    _to("PATCH", "/v1/stock/{stock_id}", stock.change_stock, p.STOCK_WRITE, "Book pieces in or out",
        body=stock.StockChange, reply=stock.StockBody),
    _to("DELETE", "/v1/stock/{stock_id}", stock.remove_stock, p.STOCK_WRITE, "Count no longer at a location",
        status=204),

    _to("GET", "/v1/shipments", shipments.list_shipments, p.SHIPMENTS_READ, "Shipments, newest first",
        description="Of your organisation, of those below it, and what it ships for others.",
        query=shipments.ShipmentQuery, reply=PageBody[shipments.ShipmentBody]),
    _to("POST", "/v1/shipments", shipments.plan_shipment, p.SHIPMENTS_WRITE, "Plan a shipment", status=201,
        dry_run=True, body=shipments.NewShipment, reply=shipments.ShipmentBody),
    _to("GET", "/v1/shipments/{shipment_id}", shipments.get_shipment, p.SHIPMENTS_READ, "A shipment",
        reply=shipments.ShipmentBody),
    _to("PATCH", "/v1/shipments/{shipment_id}", shipments.change_shipment, p.SHIPMENTS_WRITE,
        "Pack a shipment anew, or correct what is written on it",
        body=shipments.ShipmentChange, reply=shipments.ShipmentBody),
    _to("POST", "/v1/shipments/{shipment_id}/dispatch", shipments.dispatch_shipment, p.SHIPMENTS_WRITE,
        "Say that a shipment has left", body=shipments.Departure, reply=shipments.ShipmentBody,
        description="Lines of which all pieces have left are completed, and their orders with them."),
    _to("POST", "/v1/shipments/{shipment_id}/deliver", shipments.deliver_shipment, p.SHIPMENTS_WRITE,
        "Say that a shipment has arrived", body=shipments.Arrival, reply=shipments.ShipmentBody),
    _to("POST", "/v1/shipments/{shipment_id}/cancel", shipments.cancel_shipment, p.SHIPMENTS_WRITE,
        "Call off a shipment that has not left", reply=shipments.ShipmentBody),

    _to("GET", "/v1/returns", returns.list_returns, p.RETURNS_READ, "Returns, newest first",
        query=returns.ReturnQuery, reply=PageBody[returns.ReturnBody]),
    _to("POST", "/v1/returns", returns.request_return, p.RETURNS_WRITE, "Ask to send something back", status=201,
        dry_run=True, body=returns.NewReturn, reply=returns.ReturnBody),
    _to("GET", "/v1/returns/{return_id}", returns.get_return, p.RETURNS_READ, "A return", reply=returns.ReturnBody),
    _to("POST", "/v1/returns/{return_id}/approve", returns.approve_return, p.RETURNS_DECIDE, "Approve a return",
        reply=returns.ReturnBody),
    _to("POST", "/v1/returns/{return_id}/reject", returns.reject_return, p.RETURNS_DECIDE, "Reject a return",
        body=returns.Rejection, reply=returns.ReturnBody),
    _to("POST", "/v1/returns/{return_id}/receive", returns.receive_return, p.RETURNS_DECIDE,
        "Say that the pieces have come back", body=returns.Receipt, reply=returns.ReturnBody),
    _to("POST", "/v1/returns/{return_id}/refund", returns.refund_return, p.RETURNS_DECIDE,
        "Say what you refund to your buyer", body=returns.Refunds, reply=returns.ReturnBody,
        description="At most what was paid for the pieces. It records what is due and moves no money."),
    _to("POST", "/v1/returns/{return_id}/complete", returns.complete_return, p.RETURNS_DECIDE, "Close a return",
        reply=returns.ReturnBody),
    _to("POST", "/v1/returns/{return_id}/cancel", returns.cancel_return, p.RETURNS_WRITE,
        "Call off a return that was not received", reply=returns.ReturnBody),

    _to("GET", "/v1/assets", assets.list_assets, p.ASSETS_READ, "What customers own, newest first",
        query=assets.AssetQuery, reply=PageBody[assets.AssetBody]),
    _to("GET", "/v1/assets/{asset_id}", assets.get_asset, p.ASSETS_READ, "An asset", reply=assets.AssetBody),
    _to("POST", "/v1/assets/{asset_id}/retire", assets.retire_asset, p.ASSETS_WRITE, "Retire an asset",
        reply=assets.AssetBody),
)
# fmt: on
