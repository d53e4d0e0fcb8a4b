from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from chandlery.engine.unit_of_work import Meter
from tests.surfaces.native.world import NativeApi, Owner, World

NOBODY = "01935f1e-0000-7000-8000-000000000001"


async def a_draft(client: httpx.AsyncClient, world: World, *skus: str, quantity: int = 3) -> dict[str, Any]:
    lines = [{"sku": sku, "quantity": quantity} for sku in skus]
    reply = await client.post(
        "/v1/orders", json={"customer_id": str(world.ids["customer_id"]), "lines": lines}
    )
    assert reply.status_code == 201, reply.text
    draft: dict[str, Any] = reply.json()
    return draft


def submissions(owner: Owner, order_id: str) -> int:
    row = owner.execute(
        "SELECT count(*) FROM events WHERE type = 'order.submitted' AND subject_id = %s", (order_id,)
    ).fetchone()
    assert row is not None
    return int(str(row[0]))


async def test_a_draft_is_opened_filled_previewed_placed_and_read(native: NativeApi, world: World) -> None:
    client = native.client(world.reseller)
    opened = await client.post(
        "/v1/orders", json={"customer_id": str(world.ids["customer_id"]), "po_number": "PO-1"}
    )
    assert opened.status_code == 201
    draft = opened.json()
    path = f"/v1/orders/{draft['id']}"
    assert opened.headers["location"] == f"https://api.example{path}"
    assert opened.headers["etag"] == '"1"'
    assert draft | {"id": "", "number": "", "created_at": ""} == {
        "id": "",
        "number": "",
        "status": "draft",
        "customer_id": str(world.ids["customer_id"]),
        "seller_id": str(world.reseller.organization_id),
        "placed_by": str(world.reseller.organization_id),
        "channel_id": None,
        "po_number": "PO-1",
        "currency": "USD",
        "attributes": {},
        "lines": [],
        "totals": {"currency": "USD", "net_minor": 0, "cost_minor": None},
        "expires_at": "2026-11-27T12:00:00Z",
        "created_at": "",
        "submitted_at": None,
        "completed_at": None,
        "version": 1,
        "custom_fields": {},
        "approval": None,
    }

    added = await client.post(f"{path}/lines", json={"sku": "suite-basic", "quantity": 3})
    assert added.status_code == 201
    (line,) = added.json()["lines"]
    # Bought at 8.00 plus the operator's 10 percent, sold at that plus 50 percent.
    assert line["cost"] == {"rate": "8.80", "amount_minor": 2640}
    assert line["price"] == {"rate": "13.20", "amount_minor": 3960}
    assert added.json()["totals"] == {"currency": "USD", "net_minor": 3960, "cost_minor": 2640}

    preview = await client.post(f"{path}/checkout", params={"dry_run": "true"})
    assert (preview.status_code, preview.json()["status"]) == (202, "submitted")
    assert "etag" not in preview.headers
    assert (await client.get(path)).json()["status"] == "draft"

    placed = await client.post(f"{path}/checkout", headers={"if-match": added.headers["etag"]})
    assert (placed.status_code, placed.json()["status"]) == (202, "submitted")
    assert (await client.get(path)).json() == placed.json()

    events = await client.get(f"{path}/events")
    assert [event["type"] for event in events.json()["items"]] == [
        "order.created",
        "order.line_added",
        "order.submitted",
    ]
    assert events.json()["items"][0]["timestamp"] == "2026-11-20T12:00:00Z"


async def test_lines_and_header_of_a_draft_can_be_changed_and_dropped(
    native: NativeApi, world: World
) -> None:
    client = native.client(world.reseller)
    draft = await a_draft(client, world, "suite-basic", "dock")
    path = f"/v1/orders/{draft['id']}"
    first, second = draft["lines"]

    changed = await client.patch(f"{path}/lines/{first['id']}", json={"quantity": 5})
    assert changed.json()["lines"][0]["quantity"] == 5
    dropped = await client.delete(f"{path}/lines/{second['id']}")
    assert (dropped.status_code, len(dropped.json()["lines"])) == (200, 1)
    headed = await client.patch(path, json={"po_number": "PO-2", "attributes": {"erp": {"id": 7}}})
    assert (headed.json()["po_number"], headed.json()["attributes"]) == ("PO-2", {"erp": {"id": 7}})

    deleted = await client.delete(path)
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert (await client.get(path)).status_code == 404
    assert (await client.get(f"{path}/events")).json()["items"][-1]["type"] == "order.deleted"


async def test_each_party_sees_its_own_prices(native: NativeApi, world: World) -> None:
    draft = await a_draft(native.client(world.reseller), world, "suite-basic", quantity=1)
    seen = {}
    for who in ("operator", "reseller", "customer"):
        order = (await native.client(getattr(world, who)).get(f"/v1/orders/{draft['id']}")).json()
        (line,) = order["lines"]
        seen[who] = tuple(side and side["amount_minor"] for side in (line["price"], line["cost"]))
    assert seen == {"operator": (880, 800), "reseller": (1320, 880), "customer": (1320, None)}


async def test_a_change_to_a_version_that_is_gone_fails_the_precondition(
    native: NativeApi, world: World
) -> None:
    client = native.client(world.reseller)
    draft = await a_draft(client, world, "suite-basic")
    path = f"/v1/orders/{draft['id']}"
    for tag in ('"7"', 'W/"9"', '"abc"', "abc"):
        stale = await client.patch(path, json={"po_number": "X"}, headers={"if-match": tag})
        assert (stale.status_code, stale.json()["code"]) == (412, "version_stale")
    line = f"{path}/lines/{draft['lines'][0]['id']}"
    stale_line = await client.patch(line, json={"quantity": 2}, headers={"if-match": '"7"'})
    assert stale_line.status_code == 412
    assert (await client.patch(path, json={"po_number": "X"}, headers={"if-match": '"1"'})).status_code == 200


async def test_a_placed_order_can_no_longer_be_changed_only_cancelled(
    native: NativeApi, world: World
) -> None:
    client = native.client(world.reseller)
    draft = await a_draft(client, world, "suite-basic")
    path = f"/v1/orders/{draft['id']}"
    assert (await client.post(f"{path}/checkout")).status_code == 202
    for method, below, body in (
        ("POST", "/checkout", None),
        ("POST", "/lines", {"sku": "dock", "quantity": 1}),
        ("PATCH", "", {"po_number": "X"}),
        ("DELETE", "", None),
    ):
        refused = await client.request(method, path + below, json=body)
        assert (refused.status_code, refused.json()["code"]) == (409, "order_not_draft")
    cancelled = await client.post(f"{path}/cancel", json={"reason": "Ordered twice"})
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    assert (await client.post(f"{path}/cancel")).json()["code"] == "order_finished"


async def test_a_hundred_equal_checkouts_at_once_place_one_order(
    native: NativeApi, world: World, owner: Owner
) -> None:
    client = native.client(world.reseller)
    draft = await a_draft(client, world, "suite-basic", "dock")
    path = f"/v1/orders/{draft['id']}/checkout"
    key = {"idempotency-key": "one and the same"}
    replies = await asyncio.gather(*(client.post(path, headers=key) for _ in range(100)))
    assert {reply.status_code for reply in replies} == {202}
    assert len({reply.content for reply in replies}) == 1
    assert sum("idempotency-replayed" in reply.headers for reply in replies) == 99
    assert submissions(owner, draft["id"]) == 1


async def test_a_key_answers_alike_for_ever_and_never_for_something_else(
    native: NativeApi, world: World
) -> None:
    client = native.client(world.reseller)
    body = {"customer_id": str(world.ids["customer_id"])}
    key = {"idempotency-key": "a key"}
    first = await client.post("/v1/orders", json=body, headers=key)
    again = await client.post("/v1/orders", json=body, headers=key)
    assert (again.status_code, again.content) == (201, first.content)
    assert {name: again.headers[name] for name in ("etag", "location")} == {
        name: first.headers[name] for name in ("etag", "location")
    }
    other = await client.post("/v1/orders", json=body | {"po_number": "PO-2"}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    somebody_else = await native.client(world.operator).post("/v1/orders", json=body, headers=key)
    assert somebody_else.status_code == 201
    assert somebody_else.json()["id"] != first.json()["id"]


async def test_a_deletion_under_a_key_is_answered_alike(native: NativeApi, world: World) -> None:
    client = native.client(world.reseller)
    path = f"/v1/orders/{(await a_draft(client, world))['id']}"
    key = {"idempotency-key": "delete it"}
    assert (await client.delete(path, headers=key)).status_code == 204
    assert (await client.delete(path, headers=key)).status_code == 204
    assert (await client.delete(path)).status_code == 404


async def test_a_refusal_is_not_kept_under_its_key(native: NativeApi, world: World) -> None:
    client = native.client(world.reseller)
    draft = await a_draft(client, world)
    path = f"/v1/orders/{draft['id']}"
    key = {"idempotency-key": "checkout"}
    empty = await client.post(f"{path}/checkout", headers=key)
    assert (empty.status_code, empty.json()["errors"][0]["field"]) == (422, "lines")
    await client.post(f"{path}/lines", json={"sku": "dock", "quantity": 1})
    assert (await client.post(f"{path}/checkout", headers=key)).status_code == 202


async def test_lists_are_newest_first_and_filtered(native: NativeApi, world: World) -> None:
    client = native.client(world.reseller)
    numbers = [(await a_draft(client, world, "dock"))["number"] for _ in range(3)]
    placed = (await client.get("/v1/orders", params={"number": numbers[1]})).json()["items"][0]
    await client.post(f"/v1/orders/{placed['id']}/checkout")

    async def listed(*params: tuple[str, str]) -> list[str]:
        reply = await client.get("/v1/orders", params=list(params))
        assert reply.status_code == 200, reply.text
        return [order["number"] for order in reply.json()["items"]]

    assert await listed() == numbers[::-1]
    assert await listed(("status", "submitted")) == [numbers[1]]
    assert await listed(("status", "draft"), ("status", "submitted")) == numbers[::-1]
    assert await listed(("status", "draft,submitted")) == numbers[::-1]
    assert await listed(("customer_id", NOBODY)) == []
    assert await listed(("created_until", "2026-11-20T12:00:00Z")) == []
    assert await listed(("created_from", "2026-11-20T13:00:00+01:00")) == numbers[::-1]
    assert await listed(("po_number", "PO-1")) == []

    page = (await client.get("/v1/orders", params={"limit": 2})).json()
    assert [order["number"] for order in page["items"]] == [numbers[2], numbers[1]]
    rest = (await client.get("/v1/orders", params={"limit": 2, "cursor": page["next_cursor"]})).json()
    assert ([order["number"] for order in rest["items"]], rest["next_cursor"]) == ([numbers[0]], None)


async def test_an_unknown_status_is_refused_with_those_that_there_are(
    native: NativeApi, world: World
) -> None:
    reply = await native.client(world.reseller).get(
        "/v1/orders", params={"status": "draft,open", "limit": "1"}
    )
    assert reply.status_code == 422
    (problem,) = reply.json()["errors"]
    assert problem["field"] == "status"
    assert problem["message"].startswith("There is no 'open'; use: draft, awaiting_approval,")


@pytest.mark.parametrize(("step", "budget"), [("create", 3), ("read", 1), ("add line", 3), ("checkout", 4)])
async def test_round_trips_stay_within_their_budget(
    native: NativeApi, world: World, meters: list[Meter], step: str, budget: int
) -> None:
    client = native.client(world.reseller)
    draft = await a_draft(client, world, "suite-basic")
    path = f"/v1/orders/{draft['id']}"
    key = {"idempotency-key": step}
    before = len(meters)
    match step:
        case "create":
            body = {"customer_id": str(world.ids["customer_id"])}
            reply = await client.post("/v1/orders", json=body, headers=key)
        case "read":
            reply = await client.get(path)
        case "add line":
            reply = await client.post(f"{path}/lines", json={"sku": "dock", "quantity": 1}, headers=key)
        case _:
            reply = await client.post(f"{path}/checkout", headers=key)
    assert reply.is_success
    assert len(meters) == before + 1
    assert meters[-1].round_trips <= budget


async def test_the_stream_of_events_is_followed_by_cursor_type_and_subject(
    native: NativeApi, world: World
) -> None:
    client = native.client(world.reseller)
    draft = await a_draft(client, world, "dock")
    another = await a_draft(client, world)

    async def stream(**params: str) -> dict[str, Any]:
        reply = await client.get("/v1/events", params=params)
        assert reply.status_code == 200, reply.text
        page: dict[str, Any] = reply.json()
        return page

    whole = await stream(subject_id=draft["id"])
    assert [event["type"] for event in whole["items"]] == ["order.created", "order.line_added"]
    created = await stream(type="order.created,user.*")
    assert [event["subject_id"] for event in created["items"]] == [draft["id"], another["id"]]
    first = await stream(type="order.created", limit="1")
    rest = await stream(type="order.created", after=first["next_cursor"])
    assert [event["subject_id"] for event in rest["items"]] == [another["id"]]
    bad = await client.get("/v1/events", params={"type": "Order Created", "after": "x"})
    assert (bad.status_code, bad.headers["content-type"]) == (422, "application/problem+json")
