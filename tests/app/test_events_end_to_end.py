"""From an order to those who want to know: a real server and worker, a real receiver, a real stream."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from tests.app.served import Served, a_served_distributor
from tests.engine.receiver import Receiver, a_receiver

pytestmark = pytest.mark.long

PATIENCE_SECONDS = 60.0
EVENT_STREAM = {"accept": "text/event-stream"}
ONE_ORDER = [
    "order.created",
    "order.line_added",
    "order.submitted",
    "order.line_started",
    "order.in_progress",
    "order.line_completed",
    "order.completed",
]


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with a_served_distributor() as found:
        yield found


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with a_receiver() as found:
        yield found


async def placed_order(client: httpx.AsyncClient) -> dict[str, Any]:
    customer = await client.post("/v1/organizations", json={"kind": "customer", "name": "Bakery"})
    draft = await client.post(
        "/v1/orders",
        json={"customer_id": customer.json()["id"], "lines": [{"sku": "dock-usb-c", "quantity": 2}]},
    )
    placed = await client.post(f"/v1/orders/{draft.json()['id']}/checkout")
    assert placed.status_code == 202, placed.text
    order: dict[str, Any] = placed.json()
    return order


async def events_of(lines: AsyncIterator[str], count: int) -> list[tuple[str, dict[str, Any]]]:
    """So many server-sent events: their ids and data."""
    found: list[tuple[str, dict[str, Any]]] = []
    event_id = ""
    async with asyncio.timeout(PATIENCE_SECONDS):
        async for line in lines:
            name, _, value = line.partition(": ")
            if name == "id":
                event_id = value
            elif name == "data":
                found.append((event_id, json.loads(value)))
                if len(found) == count:
                    break
    return found


async def ended(lines: AsyncIterator[str]) -> bool:
    """The stream comes to its end, in good order, and says nothing more."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        return [line async for line in lines if line.startswith("data")] == []


async def test_an_order_is_told_signed_in_order_and_again_after_a_failure(
    served: Served, receiver: Receiver
) -> None:
    receiver.answers(500, 200)
    async with served.client() as client:
        made = await client.post("/v1/webhooks", json={"url": receiver.url, "events": ["order.*"]})
        assert made.status_code == 201, made.text
        order = await placed_order(client)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(receiver.received) <= len(ONE_ORDER):  # noqa: ASYNC110 - nobody can call us when that is so
                await asyncio.sleep(0.05)
        log = await client.get(f"/v1/webhooks/{made.json()['id']}/deliveries", params={"limit": 100})
    told = [request.verified(made.json()["secret"]) for request in receiver.received]
    assert {event["subject_id"] for event in told} == {order["id"]}
    assert told[0] == told[1]  # the same message again, once the receiver is well
    assert [event["type"] for event in told[1:]] == ONE_ORDER
    attempts = {entry["event_type"]: (entry["status"], entry["attempts"]) for entry in log.json()["items"]}
    assert attempts["order.created"] == ("delivered", 2)
    assert attempts["order.submitted"] == ("delivered", 1)


async def test_the_stream_tells_it_as_it_happens_and_goes_on_where_it_was_left(served: Served) -> None:
    async with served.client() as client:
        async with client.stream("GET", "/v1/events?types=order.*", headers=EVENT_STREAM) as live:
            assert live.headers["content-type"] == "text/event-stream"
            lines = live.aiter_lines()
            assert await anext(lines) == "retry: 2000"
            order = await placed_order(client)
            seen = await events_of(lines, len(ONE_ORDER))
        assert [event["type"] for _, event in seen] == ONE_ORDER
        assert {event["subject_id"] for _, event in seen} == {order["id"]}
        left_at = seen[2][0]
        async with client.stream(
            "GET", "/v1/events?types=order.*", headers=EVENT_STREAM | {"last-event-id": left_at}
        ) as resumed:
            assert await events_of(resumed.aiter_lines(), 4) == seen[3:]
        refused = await client.get("/v1/events?types=nonsense!", headers=EVENT_STREAM)
        assert (refused.status_code, refused.json()["code"]) == (422, "event_filter_unreadable")


async def test_a_long_poll_is_answered_as_soon_as_something_happens(served: Served) -> None:
    async with served.client() as client:
        cursor = None
        while True:
            page = (await client.get("/v1/events", params={"cursor": cursor} if cursor else {})).json()
            cursor = page["next_cursor"]
            if page["caught_up"]:
                break
        waiting = asyncio.create_task(
            client.get("/v1/events", params={"cursor": cursor, "types": "order.created", "wait": "30"})
        )
        order = await placed_order(client)
        (event,) = (await waiting).json()["items"]
        assert (event["type"], event["subject_id"]) == ("order.created", order["id"])


async def test_a_stream_ends_with_the_session_that_it_stands_on(served: Served) -> None:
    async with served.client() as client, httpx.AsyncClient(base_url=served.server.base_url) as follower:
        body = {"name": "Follower", "role": "reader", "grants": ["client_credentials"]}
        minted = (await client.post("/v1/api-clients", json=body)).json()
        issued = await follower.post(
            "/oauth/token",
            data={"grant_type": "client_credentials"},
            auth=(minted["id"], minted["client_secret"]),
        )
        headers = {"authorization": f"Bearer {issued.json()['access_token']}"} | EVENT_STREAM
        async with follower.stream("GET", "/v1/events", headers=headers) as live:
            lines = live.aiter_lines()
            assert await anext(lines) == "retry: 2000"
            assert (await client.post(f"/v1/api-clients/{minted['id']}/disable")).status_code == 200
            assert await ended(lines)


async def test_a_server_that_stops_ends_its_streams() -> None:
    with a_served_distributor() as another:
        async with (
            another.client() as client,
            client.stream("GET", "/v1/events", headers=EVENT_STREAM) as live,
        ):
            lines = live.aiter_lines()
            assert await anext(lines) == "retry: 2000"
            stopping = asyncio.create_task(asyncio.to_thread(another.server.stop))
            assert await ended(lines)
            await stopping
