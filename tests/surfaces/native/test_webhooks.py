"""Webhook endpoints over HTTP; what is delivered, and when, is told by tests/engine/test_webhooks_*."""

from __future__ import annotations

from typing import Any

import httpx

from tests.surfaces.native.world import NativeApi, Owner, World

HOOKS = "https://shop.example.com/hooks"


async def an_endpoint(client: httpx.AsyncClient, **more: Any) -> dict[str, Any]:
    reply = await client.post("/v1/webhooks", json={"url": HOOKS, "events": ["order.*"], **more})
    assert reply.status_code == 201, reply.text
    made: dict[str, Any] = reply.json()
    return made


async def test_the_secret_is_shown_once_and_never_again(
    native: NativeApi, world: World, owner: Owner
) -> None:
    client = native.client(world.reseller)
    reply = await client.post("/v1/webhooks", json={"url": HOOKS, "events": ["order.*"]})
    made = reply.json()
    assert made["secret"].startswith("whsec_")
    assert (made["url"], made["events"], made["enabled"]) == (HOOKS, ["order.*"], True)
    assert made["organization_id"] == str(world.reseller.organization_id)
    assert reply.headers["location"] == f"https://api.example/v1/webhooks/{made['id']}"
    for shown in (
        await client.get(f"/v1/webhooks/{made['id']}"),
        await client.get("/v1/webhooks"),
        await client.patch(f"/v1/webhooks/{made['id']}", json={"description": "desk"}),
    ):
        assert shown.status_code == 200
        assert "whsec_" not in shown.text
    stored = owner.execute("SELECT secret FROM webhook_endpoints WHERE id = %s", (made["id"],)).fetchone()
    assert stored is not None
    assert made["secret"].encode() not in bytes(stored[0])  # type: ignore[call-overload]


async def test_an_answer_that_holds_a_secret_is_not_kept_under_a_key(
    native: NativeApi, world: World, owner: Owner
) -> None:
    client = native.client(world.reseller)
    body = {"url": HOOKS}
    replies = [
        await client.post("/v1/webhooks", json=body, headers={"idempotency-key": "same"}) for _ in range(2)
    ]
    first, second = (reply.json() for reply in replies)
    assert first["id"] != second["id"]
    rotated = await client.post(
        f"/v1/webhooks/{first['id']}/rotate-secret", json={}, headers={"idempotency-key": "same"}
    )
    assert rotated.json()["secret"] != first["secret"]
    kept = owner.execute(
        "SELECT count(*) FROM idempotency_keys WHERE tenant_id = %s", (world.tenant.id,)
    ).fetchone()
    assert kept == (0,)


async def test_every_problem_of_an_endpoint_is_named_at_once(native: NativeApi, world: World) -> None:
    reply = await native.client(world.reseller).post(
        "/v1/webhooks",
        json={"url": "http://10.0.0.1/x", "events": ["order.*", "ordr.created"], "description": "x" * 501},
    )
    assert (reply.status_code, reply.json()["code"]) == (422, "endpoint_refused")
    assert {error["field"] for error in reply.json()["errors"]} == {"url", "events.1", "description"}


async def test_an_endpoint_is_changed_only_as_it_was_seen(native: NativeApi, world: World) -> None:
    client = native.client(world.reseller)
    made = await an_endpoint(client)
    path = f"/v1/webhooks/{made['id']}"
    disabled = await client.patch(path, json={"enabled": False}, headers={"if-match": '"1"'})
    assert (disabled.json()["enabled"], disabled.json()["disabled_reason"]) == (False, "asked")
    assert disabled.headers["etag"] == '"2"'
    stale = await client.patch(path, json={"enabled": True}, headers={"if-match": '"1"'})
    assert stale.status_code == 412
    again = await client.patch(path, json={"enabled": True, "events": ["*"]}, headers={"if-match": '"2"'})
    assert (again.json()["enabled"], again.json()["events"], again.json()["version"]) == (True, ["*"], 3)
    assert (await client.delete(path)).status_code == 204
    assert (await client.get(path)).status_code == 404


async def test_whoever_stands_above_sees_the_endpoints_below_and_not_the_other_way_round(
    native: NativeApi, world: World
) -> None:
    made = await an_endpoint(native.client(world.reseller))
    above, below = native.client(world.operator), native.client(world.customer)
    listed = await above.get("/v1/webhooks", params={"organization_id": made["organization_id"]})
    assert [item["id"] for item in listed.json()["items"]] == [made["id"]]
    assert (await below.get(f"/v1/webhooks/{made['id']}")).status_code == 404
    assert (await below.patch(f"/v1/webhooks/{made['id']}", json={})).status_code == 404


async def test_the_log_is_read_and_sent_again_one_by_one_or_by_time(
    native: NativeApi, full_world: World
) -> None:
    client = native.client(full_world.reseller)
    log = f"/v1/webhooks/{full_world.ids['webhook_id']}/deliveries"
    (entry,) = (await client.get(log, params={"status": "pending", "types": "webhook.*"})).json()["items"]
    assert (entry["event_type"], entry["attempts"]) == ("webhook.added", 0)
    assert entry["event_id"] == str(full_world.ids["event_id"])
    assert (await client.get(log, params={"types": "order.created,order.changed"})).json()["items"] == []
    again = await client.post(f"{log}/{entry['event_id']}/redeliver")
    assert (again.status_code, again.json()["status"]) == (202, "pending")
    day = {"since": "2026-11-20T00:00:00Z", "until": "2026-11-21T00:00:00Z"}
    ranged = await client.post(f"/v1/webhooks/{full_world.ids['webhook_id']}/redeliver", json=day)
    assert (ranged.status_code, ranged.json()) == (202, {"queued": 1})
    none = await client.post(
        f"/v1/webhooks/{full_world.ids['webhook_id']}/redeliver", json={**day, "failed_only": True}
    )
    assert none.json() == {"queued": 0}


async def test_the_catalogue_of_events_has_a_schema_for_each(native: NativeApi, world: World) -> None:
    reply = await native.client(world.reseller).get("/v1/event-types")
    by_name = {item["name"]: item for item in reply.json()["items"]}
    assert list(by_name) == sorted(by_name)
    assert by_name["order.submitted"]["description"] == "An order was placed."
    schema = by_name["order.submitted"]["schema"]
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$defs"]["OrderSubmitted"]["required"] == ["number", "lines"]
