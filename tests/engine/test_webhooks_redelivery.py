from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from chandlery.engine.unit_of_work import Engine, Meter
from chandlery.engine.webhooks.endpoints import ChangeEndpoint
from chandlery.engine.webhooks.errors import (
    DeliveryUnknown,
    EndpointIsDisabled,
    EndpointUnknown,
    RangeUnusable,
)
from chandlery.engine.webhooks.redelivery import (
    FindDeliveries,
    GetDelivery,
    Redeliver,
    RedeliverRange,
    find_deliveries,
    get_delivery,
)
from chandlery.kernel.errors import PermissionMissing
from chandlery.kernel.ids import EventId, new_id
from chandlery.kernel.page import PageRequest, decode_cursor
from tests.builders import Tenant, allowed
from tests.engine.webhook_world import World, a_world, trusted


@pytest.fixture
async def world(engine: Engine, tenant: Tenant, owner: psycopg.Connection[Any]) -> AsyncIterator[World]:
    async with a_world(engine, tenant, owner) as world:
        yield world


async def again(world: World, command: RedeliverRange) -> int:
    return (await world.engine.perform(world.reseller, world.redelivery.redeliver_range, command)).result


async def test_one_delivery_is_sent_again_under_the_same_id(world: World, meters: list[Meter]) -> None:
    told = await world.endpoint()
    await world.happen()
    await world.dispatch()
    (delivery,) = await world.log(told.endpoint)
    command = Redeliver(told.endpoint.id, delivery.event_id)
    queued = (await world.engine.perform(world.reseller, world.redelivery.redeliver, command)).result
    assert meters[-1].round_trips == 3
    assert (queued.status, queued.attempts, queued.next_attempt_at) == ("pending", 0, world.clock.at)
    await world.later(seconds=1)
    first, second = world.receiver.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]
    second.verified(told.secret)


async def test_what_was_given_up_can_be_sent_again(world: World) -> None:
    told = await world.endpoint()
    world.receiver.answers(500)
    failed = await world.happen()
    await world.dispatch()
    for _ in range(8):
        await world.later(hours=1)
        await world.later(hours=11, minutes=30)
    world.receiver.answers(200)
    fine = await world.happen()
    await world.dispatch()
    world.receiver.received.clear()
    whole = RedeliverRange(
        told.endpoint.id,
        world.started - timedelta(days=400),
        world.clock.at + timedelta(days=400),
        failed_only=True,
    )
    assert await again(world, whole) == 1
    await world.dispatch()
    assert world.subjects == [failed]
    assert fine not in world.subjects


async def test_a_range_is_sent_again_in_order_with_what_was_missed_while_disabled(world: World) -> None:
    told = await world.endpoint()
    thing = await world.happen("thing.first")
    await world.dispatch()
    switch = ChangeEndpoint(told.endpoint.id, enabled=False)
    await world.engine.perform(world.reseller, world.webhooks.change, switch)
    began = world.clock.at
    world.clock.at += timedelta(hours=1)
    await world.happen("thing.second", thing)
    await world.happen("other.named")
    await world.dispatch()
    await world.engine.perform(world.reseller, world.webhooks.change, replace(switch, enabled=True))
    await world.happen("thing.third", thing)
    await world.dispatch()
    assert [request.json["type"] for request in world.receiver.received] == ["thing.first", "thing.third"]
    world.receiver.received.clear()
    missed = RedeliverRange(told.endpoint.id, began + timedelta(seconds=1), began + timedelta(hours=2))
    assert await again(world, missed) == 2
    await world.dispatch()
    assert [request.json["type"] for request in world.receiver.received] == ["thing.second", "thing.third"]
    assert await again(world, replace(missed, types=("thing.third", "nothing.*"))) == 1


async def test_a_range_stays_within_the_filters_and_the_organisation_of_the_endpoint(world: World) -> None:
    told = await world.endpoint("thing.*")
    await world.happen("other.named")
    await world.happen("thing.named", actor=world.tenant.operator)
    mine = await world.happen("thing.named", actor=world.tenant.customer)
    await world.dispatch()
    world.receiver.received.clear()
    whole = RedeliverRange(
        told.endpoint.id, world.started - timedelta(days=400), world.clock.at + timedelta(days=400)
    )
    # Also when somebody asks who sees more than the endpoint's owner.
    asker = trusted(world.tenant.operator)
    assert (await world.engine.perform(asker, world.redelivery.redeliver_range, whole)).result == 1
    await world.dispatch()
    assert world.subjects == [mine]


async def test_a_disabled_endpoint_is_sent_nothing_again(world: World) -> None:
    told = await world.endpoint()
    await world.happen()
    await world.dispatch()
    (delivery,) = await world.log(told.endpoint)
    off = ChangeEndpoint(told.endpoint.id, enabled=False)
    await world.engine.perform(world.reseller, world.webhooks.change, off)
    with pytest.raises(EndpointIsDisabled):
        await world.engine.perform(
            world.reseller, world.redelivery.redeliver, Redeliver(told.endpoint.id, delivery.event_id)
        )
    with pytest.raises(EndpointIsDisabled):
        await again(
            world, RedeliverRange(told.endpoint.id, world.started, world.clock.at + timedelta(days=1))
        )


async def test_a_range_that_ends_before_it_begins_is_refused(world: World) -> None:
    told = await world.endpoint()
    with pytest.raises(RangeUnusable):
        await again(world, RedeliverRange(told.endpoint.id, world.clock.at, world.clock.at))


async def test_more_than_can_be_sent_again_at_once_is_refused_and_nothing_queued(world: World) -> None:
    told = await world.endpoint()
    world.owner.execute(
        "INSERT INTO events (id, tenant_id, txid, at, type, subject, subject_id, owner_id, owner_path, principal,"
        " organization_id, surface, request_id, data) SELECT gen_random_uuid(), tenant_id, 1, %s, 'thing.named',"
        " 'thing', gen_random_uuid(), id, path, 'test', id, 'test', '', '{}'"
        " FROM organizations, generate_series(1, 10001) WHERE id = %s",
        (world.clock.at, world.reseller.organization_id),
    )
    with pytest.raises(RangeUnusable):
        await again(
            world, RedeliverRange(told.endpoint.id, world.started, world.clock.at + timedelta(days=1))
        )
    assert await world.log(told.endpoint) == []


async def test_the_log_is_listed_newest_first_by_status_and_type(world: World, meters: list[Meter]) -> None:
    told = await world.endpoint()
    world.receiver.answers(200, 200, 500)
    for verb in ("first", "second", "third"):
        await world.happen(f"thing.{verb}")
        await world.later(seconds=1)
    query = FindDeliveries(told.endpoint.id, page=PageRequest(2))
    page = await world.engine.read(world.reseller, find_deliveries, query)
    assert meters[-1].round_trips == 1
    assert [delivery.event_type for delivery in page.items] == ["thing.third", "thing.second"]
    assert page.next_cursor is not None
    rest = replace(query, page=PageRequest(2, decode_cursor(page.next_cursor)))
    page = await world.engine.read(world.reseller, find_deliveries, rest)
    assert [delivery.event_type for delivery in page.items] == ["thing.first"]
    assert page.next_cursor is None
    pending = await world.engine.read(
        world.reseller, find_deliveries, FindDeliveries(told.endpoint.id, status="pending")
    )
    assert [delivery.event_type for delivery in pending.items] == ["thing.third"]
    named = await world.engine.read(
        world.reseller, find_deliveries, FindDeliveries(told.endpoint.id, types=("thing.first", "other.*"))
    )
    assert [delivery.event_type for delivery in named.items] == ["thing.first"]


async def test_the_log_of_another_does_not_exist(world: World) -> None:
    told = await world.endpoint()
    await world.happen()
    await world.dispatch()
    (delivery,) = await world.log(told.endpoint)
    stranger = trusted(world.tenant.customer)
    with pytest.raises(EndpointUnknown):
        await world.engine.read(stranger, find_deliveries, FindDeliveries(told.endpoint.id))
    with pytest.raises(EndpointUnknown):
        await world.engine.read(stranger, get_delivery, GetDelivery(told.endpoint.id, delivery.event_id))
    found = await world.engine.read(
        world.reseller, get_delivery, GetDelivery(told.endpoint.id, delivery.event_id)
    )
    assert found == delivery
    with pytest.raises(DeliveryUnknown):
        await world.engine.read(
            world.reseller, get_delivery, GetDelivery(told.endpoint.id, EventId(new_id()))
        )


async def test_the_log_asks_for_permission(world: World) -> None:
    told = await world.endpoint()
    nobody = allowed(world.tenant.reseller)
    with pytest.raises(PermissionMissing):
        await world.engine.read(nobody, find_deliveries, FindDeliveries(told.endpoint.id))
    with pytest.raises(PermissionMissing):
        await world.engine.read(nobody, get_delivery, GetDelivery(told.endpoint.id, EventId(new_id())))
    with pytest.raises(PermissionMissing):
        await world.engine.perform(
            nobody, world.redelivery.redeliver, Redeliver(told.endpoint.id, EventId(new_id()))
        )
    with pytest.raises(PermissionMissing):
        await world.engine.perform(
            nobody,
            world.redelivery.redeliver_range,
            RedeliverRange(told.endpoint.id, world.started, world.clock.at),
        )
