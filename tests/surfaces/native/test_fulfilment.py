from __future__ import annotations

from uuid import UUID

import httpx
import msgspec
import pytest

from chandlery.engine.signatures import sign
from chandlery.engine.unit_of_work import Engine, Unit
from chandlery.fulfilment import attempts
from chandlery.fulfilment.port import Accepted, Refused
from chandlery.fulfilment.provisioning import Begin, Provisioning
from chandlery.fulfilment.retries import RetryPolicy
from chandlery.kernel.actor import Actor
from chandlery.kernel.ids import LineId, OrderId
from chandlery.ordering.progress import LineProgress, record
from chandlery.ordering.status import LineStatus, WaitingFor
from chandlery.subscriptions.activation import activate
from tests.conftest import NOW
from tests.surfaces.native.test_orders import a_draft
from tests.surfaces.native.world import CALLBACK_KEY, NativeApi, World, an_activation

CALLBACKS = "/v1/fulfilment/callbacks/sandbox"


async def a_placed_line(native: NativeApi, world: World) -> tuple[str, str]:
    client = native.client(world.reseller)
    order = await a_draft(client, world, "suite-basic")
    assert (await client.post(f"/v1/orders/{order['id']}/checkout")).status_code == 202
    return order["id"], order["lines"][0]["id"]


async def provisioned(
    engine: Engine, world: World, line: tuple[str, str], answer: Accepted | Refused
) -> Provisioning:
    """The line has been sent to its vendor, and this came back."""
    order_id, line_id = OrderId(UUID(line[0])), LineId(UUID(line[1]))
    owner_id = world.customer.organization_id
    begin = Begin(order_id, line_id, owner_id, "sandbox")
    heard = (await engine.perform(world.tenant.system, _heard, (begin, answer))).result
    status = LineStatus.REFUSED if isinstance(answer, Refused) else LineStatus.ACCEPTED
    waiting_for = WaitingFor.OPERATOR if isinstance(answer, Refused) else WaitingFor.VENDOR
    for step in (LineStatus.IN_PROGRESS, status):
        progress = LineProgress(order_id, line_id, step, waiting_for=waiting_for)
        await engine.perform(world.tenant.system, record, progress)
    return heard


async def test_what_waits_is_listed_with_the_reason(native: NativeApi, world: World, engine: Engine) -> None:
    refused = await a_placed_line(native, world)
    accepted = await a_placed_line(native, world)
    await provisioned(engine, world, refused, Refused("Not in this region."))
    await provisioned(engine, world, accepted, Accepted("SBX-7"))
    client = native.client(world.operator)
    everything = (await client.get("/v1/fulfilment/waiting")).json()["items"]
    assert [(item["order_id"], item["state"], item["reason"]) for item in everything] == [
        (refused[0], "refused", "Not in this region."),
        (accepted[0], "accepted", ""),
    ]
    for_somebody = await client.get("/v1/fulfilment/waiting", params={"needs_operator": "true"})
    assert [item["line_id"] for item in for_somebody.json()["items"]] == [refused[1]]


@pytest.mark.parametrize(
    ("verb", "body", "status", "order_status"),
    [
        ("retry", None, "in_progress", "in_progress"),
        ("complete", {"vendor_reference": "SBX-9"}, "completed", "completed"),
        ("refuse", {"reason": "Withdrawn."}, "refused", "needs_attention"),
    ],
)
async def test_a_person_decides_about_a_stuck_line(
    native: NativeApi,
    world: World,
    engine: Engine,
    verb: str,
    body: dict[str, str] | None,
    status: str,
    order_status: str,
) -> None:
    order_id, line_id = line = await a_placed_line(native, world)
    await provisioned(engine, world, line, Refused("Not in this region."))
    client = native.client(world.operator)
    reply = await client.post(f"/v1/orders/{order_id}/lines/{line_id}/{verb}", json=body)
    assert reply.status_code == 200, reply.text
    assert (reply.json()["lines"][0]["status"], reply.json()["status"]) == (status, order_status)
    if verb == "complete":
        subscription_id = reply.json()["lines"][0]["subscription_id"]
        subscription = await client.get(f"/v1/subscriptions/{subscription_id}")
        assert subscription.json()["vendor_reference"] == "SBX-9"


async def test_subscriptions_are_listed_by_customer_and_status(
    native: NativeApi, world: World, engine: Engine
) -> None:
    subscription_id = (await engine.perform(world.tenant.system, activate, an_activation(world))).result
    client = native.client(world.reseller)
    customer = {"customer_id": str(world.ids["customer_id"])}
    active = (await client.get("/v1/subscriptions", params=customer | {"status": "active"})).json()
    assert [found["id"] for found in active["items"]] == [str(subscription_id)]
    assert active["items"][0]["term_ends_at"] == "2027-11-20T12:00:00Z"
    assert (await client.get("/v1/subscriptions", params={"status": "expired"})).json()["items"] == []


async def test_a_signed_callback_is_received_and_another_is_not(
    native: NativeApi, world: World, engine: Engine
) -> None:
    line = await a_placed_line(native, world)
    waiting = await provisioned(engine, world, line, Accepted("SBX-7"))
    body = msgspec.json.encode(
        {"reference": waiting.reference, "status": "done", "vendor_reference": "SBX-7"}
    )
    client = native.client()

    async def post(content: bytes, key: bytes = CALLBACK_KEY, path: str = CALLBACKS) -> httpx.Response:
        headers = sign([key], "msg-1", NOW, body) | {"content-type": "application/json"}
        return await client.post(path, content=content, headers=headers)

    assert (await post(body, key=b"another key")).json()["code"] == "callback_not_authentic"
    assert (await post(body + b" ")).status_code == 401
    assert (await post(body, path="/v1/fulfilment/callbacks/nobody")).json()["code"] == "provider_unknown"
    assert (await post(b"x" * 70_000)).status_code == 413
    for _ in range(2):  # it may come twice
        received = await post(body)
        assert (received.status_code, received.content) == (204, b"")


async def test_the_sandbox_vendor_is_told_to_fail_and_shows_its_books(
    native: NativeApi, world: World
) -> None:
    client = native.client(world.operator)
    faults = {"faults": [{"behaviour": "fail", "times": 2, "sku_code": "dock"}, {"behaviour": "accept"}]}
    reply = await client.put("/v1/sandbox/faults", json=faults)
    assert reply.status_code == 200, reply.text
    assert [fault["behaviour"] for fault in reply.json()["faults"]] == ["fail", "accept"]
    assert (await client.delete("/v1/sandbox/faults")).status_code == 204
    assert (await client.get("/v1/sandbox/ledger")).json() == {"items": []}
    bad = {"faults": [{"behaviour": "explode", "times": 0}]}
    refused = await client.put("/v1/sandbox/faults", json=bad)
    assert {problem["field"] for problem in refused.json()["errors"]} == {
        "faults.0.behaviour",
        "faults.0.times",
    }


async def test_without_the_sandbox_vendor_there_is_none_to_talk_to(world: World, engine: Engine) -> None:
    client = NativeApi(engine, with_sandbox=False).client(world.operator)
    for method, path in (("DELETE", "/v1/sandbox/faults"), ("GET", "/v1/sandbox/ledger")):
        reply = await client.request(method, path)
        assert (reply.status_code, reply.json()["code"]) == (404, "sandbox_not_wired")


async def _heard(unit: Unit, actor: Actor, command: tuple[Begin, Accepted | Refused]) -> Provisioning:
    begin, answer = command
    await unit.fetch(attempts.of_order(begin.order_id))
    begun = await attempts.begin(unit, actor, begin)
    return await attempts.save(unit, actor, begun.answered(answer, unit.now, RetryPolicy()))
