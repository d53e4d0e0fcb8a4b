"""A vendor's later answer: believed only when signed, kept once, and heard even when the network is not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import psycopg
import pytest

from chandlery.engine.database import Pool
from chandlery.engine.outbound import Outbound
from chandlery.engine.queue import open_jobs_pool
from chandlery.engine.signatures import sign
from chandlery.engine.unit_of_work import Engine
from chandlery.fulfilment.callbacks import MAX_BODY_BYTES, ReceivedCallback, receive
from chandlery.fulfilment.errors import (
    CallbackNotAuthentic,
    CallbackUnreadable,
    ProviderUnknown,
    ProvisioningUnknown,
)
from chandlery.fulfilment.port import Outcome, Request
from chandlery.fulfilment.providers import Providers
from chandlery.fulfilment.provisioning import Provisioning, State
from chandlery.fulfilment.queries import FindWaiting, find_waiting, get_provisioning
from chandlery.fulfilment.sandbox.callbacks import CALLBACK_PATH, over_http
from chandlery.fulfilment.sandbox.faults import Fault
from chandlery.identity import permissions
from chandlery.kernel.errors import PermissionMissing
from chandlery.kernel.ids import TenantId
from chandlery.ordering.order import Order
from chandlery.ordering.status import LineStatus, OrderStatus
from chandlery.processes.fulfil_order import fulfil_order
from tests.builders import a_tenant, allowed
from tests.engine.receiver import Received, a_receiver, answer
from tests.processes.builders import KEY, World, a_world

Owner = psycopg.Connection[Any]


@pytest.fixture
async def jobs_pool(database_url: str) -> AsyncIterator[Pool]:
    async with open_jobs_pool(database_url) as pool:
        yield pool


@pytest.fixture
def world(owner: Owner, engine: Engine, jobs_pool: Pool) -> World:
    return a_world(owner, engine, jobs_pool)


async def accepted(world: World) -> tuple[Order, Provisioning]:
    await world.fault(Fault("accept", seconds=1000))
    order = await world.place("suite-basic")
    await world.work()
    line = order.id, order.lines[0].id
    return order, await world.engine.read(world.tenant.system, get_provisioning, line)


def a_callback(world: World, body: bytes, key: bytes = KEY) -> ReceivedCallback:
    return ReceivedCallback("sandbox", sign([key], "m-1", world.clock.at, body), body)


def saying(world: World, **said: str) -> ReceivedCallback:
    return a_callback(world, msgspec.json.encode(said))


async def test_done_completes_the_line_and_saying_it_again_changes_nothing(world: World) -> None:
    order, found = await accepted(world)
    done = saying(world, reference=found.reference, status="done", vendor_reference="V-7")
    for _ in range(3):
        await receive(world.engine, world.providers, done)
        await world.work()
    assert (await world.order(order)).status is OrderStatus.COMPLETED
    assert [s.vendor_reference for s in await world.subscriptions()] == ["V-7"]
    told = [e.type for e in await world.history(order)]
    assert told.count("order.line_completed") == 1


@pytest.mark.parametrize(("said", "status"), [("refused", LineStatus.REFUSED), ("failed", LineStatus.FAILED)])
async def test_refused_and_failed_are_shown_with_the_vendors_reason(
    world: World, said: str, status: LineStatus
) -> None:
    order, found = await accepted(world)
    await receive(
        world.engine,
        world.providers,
        saying(world, reference=found.reference, status=said, reason="Sold out."),
    )
    await world.work()
    line = (await world.order(order)).lines[0]
    assert (line.status, line.reason) == (status, "Sold out.")


class Hasty:
    """A vendor that calls back before it answers."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.vendor = world.vendor

    async def provision(self, request: Request) -> Outcome:
        outcome = await self.vendor.provision(request)
        done = saying(self.world, reference=request.reference, status="done", vendor_reference="V-0")
        await receive(self.world.engine, self.world.providers, done)
        return outcome

    change = suspend = resume = cancel = provision

    async def query(self, account: TenantId, reference: str) -> Outcome | None:
        return await self.vendor.query(account, reference)


async def test_a_callback_may_come_before_the_call_has_returned(world: World) -> None:
    await world.fault(Fault("accept", seconds=1000))
    order = await world.place("suite-basic")
    hasty = replace(world.providers, by_name={"sandbox": Hasty(world)})
    await fulfil_order(world.engine, hasty, world.tenant.id, order.id)
    await world.work()
    assert (await world.order(order)).status is OrderStatus.COMPLETED
    assert len(await world.ledger()) == 1


async def test_a_callback_that_nobody_we_know_has_signed_is_not_believed(world: World) -> None:
    _, found = await accepted(world)
    body = msgspec.json.encode({"reference": found.reference, "status": "refused"})
    good = a_callback(world, body)
    for bad in (
        a_callback(world, body, key=b"guessed"),
        replace(good, headers={}),
        replace(good, body=body.replace(b"refused", b"failed")),
        replace(good, headers=sign([KEY], "m-1", world.clock.at - timedelta(minutes=6), body)),
        a_callback(world, b" " * (MAX_BODY_BYTES + 1)),
    ):
        with pytest.raises(CallbackNotAuthentic):
            await receive(world.engine, world.providers, bad)
    with pytest.raises(ProviderUnknown):
        await receive(world.engine, world.providers, replace(good, provider="other"))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b"[" * 60_000,
        b"\xff",
        b'{"reference": 1, "status": "done"}',
        b'{"reference": "x", "status": "perhaps"}',
        b'{"reference": "x", "status": "done"}',
        b'{"reference": "x", "status": "failed", "reason": "\\u0000"}',
    ],
)
async def test_a_signed_callback_that_says_nothing_is_refused(world: World, body: bytes) -> None:
    with pytest.raises(CallbackUnreadable):
        await receive(world.engine, world.providers, a_callback(world, body))


@pytest.mark.parametrize("reference", ["", "x", "01900000-0000-7000-8000-000000000000"])
async def test_a_reference_that_we_never_gave_out_is_unknown(world: World, reference: str) -> None:
    with pytest.raises(ProvisioningUnknown):
        await receive(world.engine, world.providers, saying(world, reference=reference, status="failed"))


async def test_the_sandbox_calls_back_over_http_until_it_is_heard(world: World) -> None:
    await world.fault(Fault("accept", seconds=10))
    order = await world.place("suite-basic")
    await world.work()

    async def serve(request: Received) -> bytes:
        if len(receiver.received) == 1:
            return answer(503)
        callback = ReceivedCallback("sandbox", request.headers, request.body)
        await receive(world.engine, world.providers, callback)
        return answer(204)

    outbound = Outbound(allow_private_addresses=True)
    async with a_receiver() as receiver:
        receiver.reply = serve
        nobody_there = replace(world.calling_back, deliver=over_http(outbound, "http://127.0.0.1:1"))
        there = replace(world.calling_back, deliver=over_http(outbound, f"http://127.0.0.1:{receiver.port}/"))
        delivered = []
        for vendor in (nobody_there, there, there, there):
            world.clock.at += timedelta(seconds=10)
            delivered.append(await vendor.deliver_due())
    await outbound.close()
    assert delivered == [0, 0, 1, 0]
    assert [(r.method, r.path) for r in receiver.received] == [("POST", CALLBACK_PATH)] * 2
    assert receiver.received[0].headers["webhook-id"] == receiver.received[1].headers["webhook-id"]
    await world.work()
    assert (await world.order(order)).status is OrderStatus.COMPLETED


async def test_what_waits_is_seen_by_those_above_and_by_nobody_else(world: World, owner: Owner) -> None:
    _, found = await accepted(world)
    for actor in (world.tenant.operator, world.tenant.reseller, world.tenant.customer):
        seen = await world.engine.read(
            allowed(actor, permissions.FULFILMENT_READ), find_waiting, FindWaiting()
        )
        assert [(p.id, p.state) for p in seen.items] == [(found.id, State.ACCEPTED)]
    stranger = allowed(a_tenant(owner).operator, permissions.FULFILMENT_READ)
    assert list((await world.engine.read(stranger, find_waiting, FindWaiting())).items) == []
    with pytest.raises(ProvisioningUnknown):
        await world.engine.read(stranger, get_provisioning, (found.order_id, found.line_id))
    with pytest.raises(PermissionMissing):
        await world.engine.read(world.tenant.operator, find_waiting, FindWaiting())


class Broken:
    """A provider whose code is at fault."""

    async def provision(self, request: Request) -> Outcome:
        raise KeyError(request.reference)

    change = suspend = resume = cancel = provision

    async def query(self, account: TenantId, reference: str) -> Outcome | None:
        raise ValueError(reference)


@pytest.mark.parametrize(
    ("providers", "status"),
    [(Providers({}), LineStatus.IN_PROGRESS), (Providers({"sandbox": Broken()}), LineStatus.UNKNOWN)],
)
async def test_a_missing_or_faulty_provider_stops_its_line_visibly_and_nothing_else(
    world: World, providers: Providers, status: LineStatus
) -> None:
    order = await world.place("suite-basic")
    await fulfil_order(world.engine, providers, world.tenant.id, order.id)
    line = (await world.order(order)).lines[0]
    assert (line.status, bool(line.reason)) == (status, True)
