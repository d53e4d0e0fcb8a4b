"""Sales channels over HTTP; the rules are told by tests/identity/test_channels.py."""

from __future__ import annotations

from tests.surfaces.native.world import NativeApi, World


async def test_a_channel_is_added_renamed_and_closed_and_orders_name_it(
    native: NativeApi, world: World
) -> None:
    client = native.client(world.reseller)
    store = await client.post("/v1/channels", json={"name": "Store", "number": 200})
    assert (store.status_code, store.headers["etag"], store.json()["is_default"]) == (201, '"1"', True)
    naming = {"order_states": {"completed": "Delivered"}}
    phone = (await client.post("/v1/channels", json={"name": "Phone", "naming": naming})).json()
    assert phone["naming"] == naming
    path = f"/v1/channels/{phone['id']}"
    renamed = await client.patch(path, json={"name": "Telephone"}, headers={"if-match": '"1"'})
    assert (renamed.json()["name"], renamed.json()["naming"]) == ("Telephone", naming)
    assert (await client.patch(path, json={}, headers={"if-match": '"1"'})).status_code == 412
    ids = [item["id"] for item in (await client.get("/v1/channels", params={"number": 200})).json()["items"]]
    assert ids == [store.json()["id"]]

    customer = str(world.customer.organization_id)
    plain = (await client.post("/v1/orders", json={"customer_id": customer})).json()
    named = (
        await client.post("/v1/orders", json={"customer_id": customer, "channel_id": phone["id"]})
    ).json()
    assert (plain["channel_id"], named["channel_id"]) == (None, phone["id"])
    for channel, order in ((store.json(), plain), (phone, named)):
        found = (await client.get("/v1/orders", params={"channel_id": channel["id"]})).json()["items"]
        assert [item["id"] for item in found] == [order["id"]]

    closed = await client.delete(path)
    assert (closed.status_code, closed.json()["status"]) == (200, "closed")
    refused = await client.post("/v1/orders", json={"customer_id": customer, "channel_id": phone["id"]})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "channel_id")
    default = await client.delete(f"/v1/channels/{store.json()['id']}")
    assert (default.status_code, default.json()["code"]) == (409, "channel_is_default")
