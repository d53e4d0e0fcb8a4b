from __future__ import annotations

from typing import Any

import httpx

from tests.catalog.builders import a_shipped_plan
from tests.surfaces.native.test_orders import a_draft
from tests.surfaces.native.world import NativeApi, Owner, World

ADDRESS = {"lines": ["Harbour Street 1"], "city": "Hamburg", "country": "DE", "postcode": "20457"}


async def ok(reply: httpx.Response, status: int = 200) -> Any:
    assert reply.status_code == status, reply.text
    return reply.json()


async def a_sale(native: NativeApi, world: World, quantity: int) -> dict[str, Any]:
    """A placed order of scanners."""
    client = native.client(world.reseller)
    draft = await a_draft(client, world, "scanner", quantity=quantity)
    placed: dict[str, Any] = await ok(await client.post(f"/v1/orders/{draft['id']}/checkout"), 202)
    return placed


def pieces(order: dict[str, Any], quantity: int, *serials: str) -> dict[str, Any]:
    item = {"order_id": order["id"], "line_id": order["lines"][0]["id"], "quantity": quantity}
    return {"customer_id": order["customer_id"], "items": [item | {"serial_numbers": list(serials)}]}


async def test_pieces_are_counted_and_no_more_are_sold(native: NativeApi, world: World, owner: Owner) -> None:
    a_shipped_plan(owner, world.tenant)
    operator, reseller, customer = map(native.client, (world.operator, world.reseller, world.customer))
    added = await operator.post("/v1/stock", json={"sku": "scanner", "quantity": 5, "notify_at": 2})
    stock = await ok(added, 201)
    assert added.headers["location"] == f"https://api.example/v1/stock/{stock['id']}"
    (plan,) = (await ok(await customer.get("/v1/plans", params={"sku": "scanner"})))["items"]
    assert (plan["fulfilled_by"], plan["supplier_id"], plan["stock"]) == (
        "shipment",
        None,
        {"quantity": 5, "oversell": False},
    )
    order = await a_sale(native, world, 3)
    draft = await a_draft(reseller, world, "suite-basic")
    short = await reseller.post(f"/v1/orders/{draft['id']}/lines", json={"sku": "scanner", "quantity": 3})
    message = "Only 2 of these are left; order that many at most."
    assert (short.status_code, short.json()["errors"]) == (
        422,
        [{"field": "quantity", "code": "stock_short", "message": message}],
    )
    path = f"/v1/stock/{stock['id']}"
    left = await ok(await customer.get(path))
    assert (left["quantity"], left["is_low"]) == (2, True)
    assert (await ok(await operator.patch(path, json={"adjust_by": 4})))["quantity"] == 6
    await ok(await reseller.post(f"/v1/orders/{order['id']}/cancel"))
    assert (await ok(await operator.get(path)))["quantity"] == 9
    assert (await operator.delete(path)).status_code == 204


async def test_an_order_is_shipped_in_parcels(native: NativeApi, world: World, owner: Owner) -> None:
    a_shipped_plan(owner, world.tenant)
    reseller, customer = map(native.client, (world.reseller, world.customer))
    order = await a_sale(native, world, 3)
    (line,) = order["lines"]
    assert (line["status"], line["waiting_for"], line["fulfilled_by"]) == ("submitted", "shipper", "shipment")
    first = pieces(order, 2, "S-1", "S-2")
    planned = await ok(await reseller.post("/v1/shipments", json=first | {"to_address": ADDRESS}), 201)
    assert (planned["status"], planned["items"]) == ("planned", first["items"])
    assert planned["to_address"]["lines"] == ["Harbour Street 1"]
    at = f"/v1/shipments/{planned['id']}"
    changed = await ok(await reseller.patch(at, json={"carrier": "Parcel Express", "service": "overnight"}))
    assert (changed["carrier"], changed["version"]) == ("Parcel Express", 2)
    assert (await ok(await reseller.patch(at, json={"service": ""})))["service"] is None
    sent = await ok(await reseller.post(f"{at}/dispatch", json={"tracking_number": "PX1"}))
    assert (sent["status"], sent["carrier"], sent["tracking_number"]) == (
        "dispatched",
        "Parcel Express",
        "PX1",
    )
    path = f"/v1/orders/{order['id']}"
    seen = await ok(await customer.get(path))
    assert (seen["status"], seen["lines"][0]["shipped_quantity"]) == ("in_progress", 2)
    second = await ok(await reseller.post("/v1/shipments", json=pieces(order, 1)), 201)
    await ok(await reseller.post(f"/v1/shipments/{second['id']}/dispatch"))
    assert (await ok(await customer.get(path)))["status"] == "completed"
    arrived = await ok(await reseller.post(f"{at}/deliver", json={}))
    assert (arrived["status"], arrived["delivered_at"]) == ("delivered", "2026-11-20T12:00:00Z")
    found = await ok(await customer.get("/v1/shipments", params={"order_id": order["id"]}))
    assert [one["id"] for one in found["items"]] == [second["id"], planned["id"]]
    (asset,) = (await ok(await customer.get("/v1/assets")))["items"]
    assert (asset["quantity"], asset["serial_numbers"], asset["status"]) == (3, ["S-1", "S-2"], "active")


async def test_a_piece_is_sent_back_and_refunded(native: NativeApi, world: World, owner: Owner) -> None:
    a_shipped_plan(owner, world.tenant)
    reseller, customer = map(native.client, (world.reseller, world.customer))
    order = await a_sale(native, world, 2)
    parcel = await ok(await reseller.post("/v1/shipments", json=pieces(order, 2, "S-1", "S-2")), 201)
    await ok(await reseller.post(f"/v1/shipments/{parcel['id']}/dispatch"))
    item = {"line_id": order["lines"][0]["id"], "quantity": 1, "reason": "defect", "serial_numbers": ["S-1"]}
    ask = {"order_id": order["id"], "items": [item]}
    back = await ok(await customer.post("/v1/returns", json=ask), 201)
    # A piece was bought at 165.00; what the reseller paid for it is not the customer's to see.
    assert back["items"][0]["refund"]["paid_minor"] == 16500
    assert back["items"][0]["recovered"] is None
    at = f"/v1/returns/{back['id']}"
    assert (await customer.post(f"{at}/approve")).json()["code"] == "only_sellers_ship"
    await ok(await reseller.post(f"{at}/approve"))
    await ok(await reseller.post(f"{at}/receive"))
    less = {"items": [{"position": 1, "refund_minor": 15000, "reduction_reason": "used"}]}
    refunded = await ok(await reseller.post(f"{at}/refund", json=less))
    assert refunded["items"][0]["refund"] == {
        "currency": "USD",
        "paid_minor": 16500,
        "refund_minor": 15000,
        "reduction_reason": "used",
        "reduction_text": "",
    }
    assert refunded["items"][0]["recovered"]["paid_minor"] == 11000
    closed = await ok(await reseller.post(f"{at}/complete"))
    assert (closed["status"], closed["closed_at"]) == ("completed", "2026-11-20T12:00:00Z")
    seen = await ok(await customer.get(f"/v1/orders/{order['id']}"))
    assert (seen["status"], seen["lines"][0]["returned_quantity"]) == ("completed", 1)
    (asset,) = (await ok(await customer.get("/v1/assets")))["items"]
    assert (asset["returned_quantity"], asset["serial_numbers"]) == (1, ["S-2"])
