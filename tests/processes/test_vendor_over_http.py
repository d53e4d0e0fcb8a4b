"""An order is fulfilled by a vendor over HTTP: each line exactly once by the vendor's own books."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chandlery.engine.database import Pool
from chandlery.engine.outbound import Outbound
from chandlery.engine.queue import open_jobs_pool
from chandlery.engine.signatures import key_of, sign
from chandlery.engine.unit_of_work import Engine
from chandlery.fulfilment.callbacks import ReceivedCallback, receive
from chandlery.fulfilment.errors import CallbackNotAuthentic, ProviderUnknown, ProvisioningUnknown
from chandlery.fulfilment.provisioning import State
from chandlery.fulfilment.queries import get_provisioning
from chandlery.fulfilment.setting_up import AddProvider, RotateProviderSecret, SettingUp
from chandlery.fulfilment.simulator import Behaviour, SimulatedFault
from chandlery.identity import permissions
from chandlery.kernel.ids import new_id
from chandlery.ordering.order import Order
from chandlery.ordering.status import LineStatus, OrderStatus
from chandlery.processes.fulfil_order import fulfil_order
from chandlery.processes.stuck_lines import MarkLineDone, RefuseLine, mark_line_done, refuse_line
from tests.builders import allowed
from tests.fulfilment.subjects import SEAL
from tests.processes.builders import World, a_world
from tests.processes.provider_world import (
    NAME,
    Owner,
    VendorWorld,
    a_front_door,
    a_vendor_world,
    set_up,
    with_all_kinds,
)

LONG = 3600


@pytest.fixture
async def jobs_pool(database_url: str) -> AsyncIterator[Pool]:
    async with open_jobs_pool(database_url) as pool:
        yield pool


@pytest.fixture
def world(owner: Owner, engine: Engine, jobs_pool: Pool) -> World:
    return a_world(owner, engine, jobs_pool)


@pytest.fixture
async def over_http(world: World) -> AsyncIterator[VendorWorld]:
    async with a_vendor_world(world) as found:
        yield found


async def done_once(over_http: VendorWorld, order: Order) -> None:
    found = await over_http.world.order(order)
    assert (found.status, {line.status for line in found.lines}) == (
        OrderStatus.COMPLETED,
        {LineStatus.COMPLETED},
    )
    assert sorted(entry.reference for entry in over_http.vendor.books) == sorted(
        str(line.id) for line in order.lines
    )


async def test_each_line_is_asked_for_and_what_the_vendor_tells_is_kept(over_http: VendorWorld) -> None:
    world = over_http.world
    order = await world.place("suite-basic", "dock", quantity=3)
    await world.work()
    await done_once(over_http, order)
    assert over_http.vendor.asked == ["provision", "provision"]
    found = await world.engine.read(world.tenant.system, get_provisioning, (order.id, order.lines[0].id))
    assert (found.vendor_reference, found.facts) == (
        "SIM-00000001",
        {"console": "https://console.example/SIM-00000001"},
    )
    assert [s.vendor_reference for s in await world.subscriptions()] == ["SIM-00000001"]


async def test_an_accepted_line_is_finished_by_a_signed_callback(over_http: VendorWorld) -> None:
    world, vendor = over_http.world, over_http.vendor
    vendor.faults.append(SimulatedFault("accept"))
    order = await world.place("suite-basic")
    await world.work()
    assert (await over_http.line(order))[1] is LineStatus.ACCEPTED
    async with a_front_door(world) as callbacks:
        url = callbacks + str(over_http.setup.setup.id)
        for _ in range(2):  # it may come twice
            assert await vendor.call_back(over_http.outbound, url, str(order.lines[0].id)) == 204
    await world.work()
    await done_once(over_http, order)
    assert vendor.asked == ["provision"]


async def test_a_vendor_that_never_calls_back_is_asked(over_http: VendorWorld) -> None:
    world, vendor = over_http.world, over_http.vendor
    vendor.faults.append(SimulatedFault("accept"))
    order = await world.place("suite-basic")
    await world.work()
    await world.later(59)
    assert vendor.asked == ["provision"]
    await world.later(60)
    assert (vendor.asked, (await over_http.line(order))[1]) == (["provision", "query"], LineStatus.ACCEPTED)
    vendor.finish(str(order.lines[0].id))
    await world.later(LONG)
    await done_once(over_http, order)


@pytest.mark.parametrize("behaviour", ["lose_answer", "break_down", "garble", "hang"])
async def test_what_was_done_and_not_told_is_asked_for_and_not_sent_again(
    over_http: VendorWorld, behaviour: Behaviour
) -> None:
    world, vendor = over_http.world, over_http.vendor
    vendor.faults.append(SimulatedFault(behaviour))
    order = await world.place("suite-basic")
    if behaviour == "hang":
        await fulfil_order(
            world.engine, replace(world.providers, kinds=hasty(world)), world.tenant.id, order.id
        )
    await world.work()
    assert (await over_http.line(order))[:2] == (OrderStatus.NEEDS_ATTENTION, LineStatus.UNKNOWN)
    await world.later(LONG)
    await done_once(over_http, order)
    assert vendor.asked == ["provision", "query"]


def hasty(world: World) -> dict[str, Any]:
    """The same kinds, but an http vendor is given half a second."""
    make = world.providers.kinds["http"]
    return {**world.providers.kinds, "http": lambda setup: make(replace(setup, timeout_seconds=0.5))}


@pytest.mark.parametrize("behaviour", ["lose_request", "unavailable"])
async def test_what_was_not_done_is_sent_again_once_the_vendor_has_said_so(
    over_http: VendorWorld, behaviour: Behaviour
) -> None:
    world, vendor = over_http.world, over_http.vendor
    vendor.faults.append(SimulatedFault(behaviour))
    order = await world.place("suite-basic")
    await world.work()
    assert (await over_http.line(order))[1] is LineStatus.UNKNOWN
    await world.later(2)
    assert vendor.asked == ["provision", "query"]
    await world.later(15)
    await done_once(over_http, order)
    assert vendor.asked == ["provision", "query", "query", "provision"]


async def test_a_question_that_cannot_be_put_says_nothing_and_nothing_is_sent_again(
    over_http: VendorWorld,
) -> None:
    world, vendor = over_http.world, over_http.vendor
    vendor.faults.append(SimulatedFault("lose_answer"))
    order = await world.place("suite-basic")
    await world.work()
    over_http.network.cut = True
    for _ in range(3):
        await world.later(60)
        assert (await over_http.line(order))[1] is LineStatus.UNKNOWN
    over_http.network.cut = False
    await world.later(LONG)
    await done_once(over_http, order)
    assert vendor.asked == ["provision", "query"]


async def test_a_vendor_that_cannot_be_reached_is_tried_again(over_http: VendorWorld) -> None:
    world = over_http.world
    over_http.network.cut = True
    order = await world.place("suite-basic")
    await world.work()
    status, line, reason = await over_http.line(order)
    assert (status, line) == (OrderStatus.IN_PROGRESS, LineStatus.IN_PROGRESS)
    assert reason is not None
    assert reason.startswith("The host could not be reached, nothing was sent")
    over_http.network.cut = False
    await world.later(2)
    await done_once(over_http, order)


async def test_a_vendor_that_recognises_repeats_is_sent_to_again_and_not_asked(world: World) -> None:
    async with a_vendor_world(world, idempotent=True) as over_http:
        over_http.vendor.faults.append(SimulatedFault("lose_answer", times=2))
        order = await world.place("suite-basic")
        await world.work()
        assert (await over_http.line(order))[1] is LineStatus.IN_PROGRESS
        await world.later(2)
        await world.later(4)
        await done_once(over_http, order)
        assert over_http.vendor.asked == ["provision", "provision"]


async def test_even_then_what_never_got_an_answer_is_unknown_in_the_end(world: World) -> None:
    async with a_vendor_world(world, idempotent=True, trips_after=1000) as over_http:
        for call in ("send", "query"):
            over_http.vendor.faults.append(SimulatedFault("break_down", times=99, call=call))
        over_http.vendor.faults[0].behaviour = "unavailable"
        order = await world.place("suite-basic")
        await world.work()
        for _ in range(20):
            await world.later(LONG)
        assert (await over_http.line(order))[1] is LineStatus.UNKNOWN
        assert (await over_http.waiting())[0].needs_operator
        assert over_http.vendor.asked.count("provision") == 6


async def test_a_refusal_is_shown_with_the_vendors_reason(over_http: VendorWorld) -> None:
    over_http.vendor.faults.append(SimulatedFault("refuse"))
    order = await over_http.world.place("suite-basic")
    await over_http.world.work()
    assert await over_http.line(order) == (
        OrderStatus.NEEDS_ATTENTION,
        LineStatus.REFUSED,
        "The simulated vendor was told to do this.",
    )


async def test_a_callback_is_believed_only_from_its_own_provider(
    over_http: VendorWorld, owner: Owner
) -> None:
    world, vendor = over_http.world, over_http.vendor
    vendor.faults.append(SimulatedFault("accept", times=2))
    order = await world.place("suite-basic")
    await world.work()
    other = await set_up(world, AddProvider("other", url="http://vendor.example"), over_http.outbound)
    stranger = a_world(owner, world.engine, world.jobs)
    with_all_kinds(stranger, over_http.outbound)
    foreign = await set_up(stranger, AddProvider(NAME, url="http://vendor.example"), over_http.outbound)
    body = f'{{"reference":"{order.lines[0].id}","status":"done","vendor_reference":"V-9"}}'.encode()

    async def call(provider: str, secret: str | None) -> None:
        headers = sign([key_of(secret or "")], "m-1", world.clock.at, body)
        await receive(world.engine, world.providers, ReceivedCallback(provider, headers, body))

    mine = str(over_http.setup.setup.id)
    with pytest.raises(CallbackNotAuthentic):
        await call(mine, other.secret)
    for elsewhere in (other, foreign):  # rightly signed, and about something that is not theirs
        with pytest.raises(ProvisioningUnknown):
            await call(str(elsewhere.setup.id), elsewhere.secret)
    for nobody in (NAME, str(new_id())):
        with pytest.raises(ProviderUnknown):
            await call(nobody, vendor.secret)
    await call(mine, vendor.secret)
    await world.work()
    assert (await over_http.line(order))[1] is LineStatus.COMPLETED


async def test_a_new_secret_takes_over_without_a_gap(over_http: VendorWorld) -> None:
    world, vendor = over_http.world, over_http.vendor
    setting_up = SettingUp(SEAL, over_http.outbound, world.clock)
    rotated = await world.engine.perform(
        world.tenant.system, setting_up.rotate_secret, RotateProviderSecret(NAME, 3600)
    )
    old = vendor.secret
    for secret in (old, rotated.result.secret or ""):
        vendor.secret = secret
        order = await world.place("suite-basic")
        await world.work()
        assert (await over_http.line(order))[1] is LineStatus.COMPLETED
    world.clock.at += timedelta(hours=1)
    vendor.secret = old
    order = await world.place("suite-basic")
    await world.work()
    assert (await over_http.line(order))[2] == "The vendor answered 401: The signature does not fit."


async def test_a_person_may_decide_about_a_line_that_the_vendor_sits_on(over_http: VendorWorld) -> None:
    world = over_http.world
    operator = allowed(world.tenant.operator, permissions.FULFILMENT_OPERATE)
    over_http.vendor.faults.append(SimulatedFault("accept", times=2))
    by_phone, given_up = await world.place("suite-basic"), await world.place("suite-basic")
    await world.work()
    done = MarkLineDone(by_phone.id, by_phone.lines[0].id, "BY-PHONE", {"seat": "7"}, "Called them.")
    await world.engine.perform(operator, mark_line_done, done)
    refuse = RefuseLine(given_up.id, given_up.lines[0].id, "They never answer.")
    await world.engine.perform(operator, refuse_line, refuse)
    assert (await over_http.line(by_phone))[1] is LineStatus.COMPLETED
    assert (await over_http.line(given_up))[1:] == (LineStatus.REFUSED, "They never answer.")
    found = await world.engine.read(
        world.tenant.system, get_provisioning, (by_phone.id, by_phone.lines[0].id)
    )
    assert (found.state, found.facts, found.note) == (State.DONE, {"seat": "7"}, "Called them.")


async def test_addresses_that_are_not_public_are_not_called(world: World) -> None:
    async with a_vendor_world(world) as over_http:
        strict = Outbound(resolve=over_http.network.resolve)
        with_all_kinds(world, strict)
        order = await world.place("suite-basic")
        await world.work()
        reason = (await over_http.line(order))[2]
        assert reason is not None
        assert reason.startswith("The vendor could not be reached; nothing was sent.")
        assert over_http.vendor.asked == []
