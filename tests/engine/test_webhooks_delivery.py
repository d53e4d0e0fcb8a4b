from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from standardwebhooks.webhooks import WebhookVerificationError

from chandlery.engine.outbound import Outbound
from chandlery.engine.unit_of_work import Engine
from chandlery.engine.webhooks.dispatch import LEASE, purge_deliveries
from chandlery.engine.webhooks.endpoints import ChangeEndpoint, RotateSecret
from chandlery.engine.webhooks.redelivery import RedeliverRange
from chandlery.kernel.clock import rfc3339
from chandlery.kernel.ids import new_id
from tests.builders import Tenant, a_tenant
from tests.engine.receiver import Received, a_receiver, answer
from tests.engine.webhook_world import World, a_world


@pytest.fixture
async def world(engine: Engine, tenant: Tenant, owner: psycopg.Connection[Any]) -> AsyncIterator[World]:
    async with a_world(engine, tenant, owner) as world:
        yield world


async def test_an_event_arrives_signed_as_standard_webhooks_says(world: World) -> None:
    told = await world.endpoint()
    thing = await world.happen()
    await world.dispatch()
    (request,) = world.receiver.received
    assert request.verified(told.secret) == {
        "id": request.headers["webhook-id"],
        "type": "thing.named",
        "timestamp": rfc3339(world.clock.at),
        "organization_id": str(world.reseller.organization_id),
        "subject": "thing",
        "subject_id": str(thing),
        "data": {"n": 1},
    }
    assert (request.method, request.path) == ("POST", "/hook?key=1")
    assert request.headers["content-type"] == "application/json"
    (delivery,) = await world.log(told.endpoint)
    assert (delivery.status, delivery.attempts, delivery.response_status) == ("delivered", 1, 200)
    assert (str(delivery.event_id), delivery.next_attempt_at) == (request.headers["webhook-id"], None)


async def test_a_message_that_was_changed_or_signed_by_another_is_not_believed(world: World) -> None:
    await world.endpoint()
    other = await world.endpoint("other.*")
    await world.happen()
    await world.dispatch()
    with pytest.raises(WebhookVerificationError):
        world.receiver.received[0].verified(other.secret)


async def test_an_endpoint_gets_what_its_filters_name(world: World) -> None:
    await world.endpoint("thing.named", "other.*")
    told = [await world.happen(name) for name in ("thing.named", "thing.moved", "other.x", "others.x")]
    await world.dispatch()
    assert sorted(world.subjects) == sorted([told[0], told[2]])


async def test_an_endpoint_gets_events_of_its_organisation_and_of_those_below(
    world: World, owner: psycopg.Connection[Any]
) -> None:
    await world.endpoint("*")
    await world.dispatch()
    world.receiver.received.clear()
    await world.happen(actor=world.tenant.operator)
    await world.happen(actor=a_tenant(owner).operator)
    below = await world.happen(actor=world.tenant.customer)
    await world.dispatch()
    assert world.subjects == [below]


async def test_what_happened_before_the_registration_is_not_delivered(world: World) -> None:
    await world.endpoint("other.*")  # the tenant's place in the stream is from before what follows
    await world.happen()
    await world.endpoint()
    after = await world.happen()
    await world.dispatch()
    assert world.subjects == [after]


async def test_a_tenant_without_endpoints_pays_nothing(world: World) -> None:
    await world.happen()
    await world.dispatch()
    rows = world.owner.execute(
        "SELECT (SELECT count(*) FROM webhook_cursors WHERE tenant_id = %s),"
        " (SELECT count(*) FROM webhook_deliveries WHERE tenant_id = %s),"
        " (SELECT count(*) FROM pg_trigger WHERE tgrelid = 'events'::regclass)",
        (world.tenant.id, world.tenant.id),
    ).fetchone()
    assert rows == (0, 0, 0)


async def test_a_failed_delivery_is_tried_again_for_a_day_and_then_given_up(world: World) -> None:
    told = await world.endpoint()
    world.receiver.answers(500)
    await world.happen()
    await world.dispatch()
    tried: list[timedelta] = []
    while True:
        (delivery,) = await world.log(told.endpoint)
        tried.append(world.since_start)
        if delivery.next_attempt_at is None:
            break
        world.clock.at = delivery.next_attempt_at - timedelta(seconds=1)
        await world.dispatch()
        assert len(world.receiver.received) == len(tried)  # not a second too early
        await world.later(seconds=1)
    seconds = [int(moment.total_seconds()) for moment in tried]
    assert seconds == [0, 5, 35, 155, 755, 4355, 15155, 36755, 79955]
    assert (delivery.status, delivery.attempts, delivery.response_status) == ("failed", 9, 500)
    assert len({request.headers["webhook-id"] for request in world.receiver.received}) == 1


async def test_a_retry_is_signed_for_its_own_moment(world: World) -> None:
    told = await world.endpoint()
    world.receiver.answers(503, 204)
    await world.happen()
    await world.dispatch()
    await world.later(seconds=5)
    first, second = world.receiver.received
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) == 5
    assert first.body == second.body
    second.verified(told.secret)


@pytest.mark.parametrize("status", [200, 201, 204, 299])
async def test_any_2xx_means_delivered(world: World, status: int) -> None:
    told = await world.endpoint()
    world.receiver.answers(status)
    await world.happen()
    await world.dispatch()
    assert [delivery.status for delivery in await world.log(told.endpoint)] == ["delivered"]


@pytest.mark.parametrize("status", [301, 302, 400, 401, 404, 429, 500, 503])
async def test_anything_else_is_tried_again(world: World, status: int) -> None:
    told = await world.endpoint()
    world.receiver.answers(status)
    await world.happen()
    await world.dispatch()
    (delivery,) = await world.log(told.endpoint)
    assert (delivery.status, delivery.response_status) == ("pending", status)
    assert delivery.next_attempt_at == world.clock.at + timedelta(seconds=5)


async def test_a_later_event_of_a_subject_waits_for_the_earlier_one_and_other_subjects_do_not(
    world: World,
) -> None:
    await world.endpoint()
    first, other = new_id(), new_id()
    world.receiver.reply = lambda request: answer(500 if request.json["subject_id"] == str(first) else 200)
    await world.happen("thing.named", first)
    await world.dispatch()
    await world.happen("thing.moved", first)
    await world.happen("thing.named", other)
    await world.dispatch()
    assert world.subjects == [first, other]
    world.receiver.answers(200)
    await world.later(seconds=5)
    assert [request.json["type"] for request in world.receiver.received[2:]] == ["thing.named", "thing.moved"]


async def test_a_given_up_event_lets_the_next_one_of_its_subject_go(world: World) -> None:
    told = await world.endpoint()
    world.receiver.answers(500)
    thing = await world.happen("thing.named")
    await world.happen("thing.moved", thing)
    await world.dispatch()
    for _ in range(8):
        await world.later(hours=15)
    types = [request.json["type"] for request in world.receiver.received]
    assert types[:10] == ["thing.named"] * 9 + ["thing.moved"]
    statuses = {delivery.event_type: delivery.status for delivery in await world.log(told.endpoint)}
    assert statuses == {"thing.named": "failed", "thing.moved": "pending"}


async def test_an_endpoint_that_is_gone_is_disabled_and_its_owner_told(world: World) -> None:
    gone, watcher = await world.endpoint("thing.*"), await world.endpoint("webhook.disabled")
    world.receiver.reply = lambda request: answer(410 if request.json["type"] == "thing.named" else 200)
    thing = await world.happen()
    await world.happen("thing.moved", thing)
    await world.dispatch()
    endpoint = await world.look(gone.endpoint)
    assert (endpoint.enabled, endpoint.disabled_reason) == (False, "gone")
    waits = [delivery.next_attempt_at for delivery in await world.log(gone.endpoint)]
    assert waits == [None, None]
    await world.dispatch()
    assert [request.json["type"] for request in world.receiver.received] == [
        "thing.named",
        "webhook.disabled",
    ]
    (notice,) = await world.log(watcher.endpoint)
    assert (notice.event_type, notice.subject_id) == ("webhook.disabled", gone.endpoint.id)
    assert world.receiver.received[-1].json["data"] == {"reason": "gone"}


async def test_an_endpoint_where_nothing_gets_through_for_days_is_disabled(world: World) -> None:
    told = await world.endpoint()
    world.receiver.answers(500)
    await world.happen()
    await world.dispatch()
    for _ in range(8):
        await world.later(hours=12)
    endpoint = await world.look(told.endpoint)
    assert (endpoint.enabled, endpoint.failing_since) == (True, world.started)
    await world.happen()  # the first was given up; this is the tenth failure, on the fourth day
    await world.dispatch()
    endpoint = await world.look(told.endpoint)
    assert (endpoint.enabled, endpoint.disabled_reason) == (False, "failing")


async def test_one_success_and_an_endpoint_is_not_failing_any_more(world: World) -> None:
    told = await world.endpoint()
    world.receiver.answers(500, 200)
    await world.happen()
    await world.dispatch()
    assert (await world.look(told.endpoint)).failing_since == world.started
    await world.later(seconds=5)
    assert (await world.look(told.endpoint)).failing_since is None


async def test_enabled_again_an_endpoint_gets_what_waited_and_not_what_it_missed(world: World) -> None:
    told = await world.endpoint()
    world.receiver.answers(500)
    waited = await world.happen()
    await world.dispatch()
    switch = world.webhooks.change
    await world.engine.perform(world.reseller, switch, ChangeEndpoint(told.endpoint.id, enabled=False))
    await world.later(seconds=10)
    missed = await world.happen()
    await world.dispatch()
    assert world.subjects == [waited]
    await world.engine.perform(world.reseller, switch, ChangeEndpoint(told.endpoint.id, enabled=True))
    world.receiver.answers(200)
    after = await world.happen()
    await world.dispatch()
    assert missed not in world.subjects
    assert sorted(world.subjects[1:]) == sorted([waited, after])


async def test_an_event_of_the_time_disabled_is_not_delivered_even_if_it_is_looked_at_later(
    world: World,
) -> None:
    told = await world.endpoint()
    switch = world.webhooks.change
    await world.engine.perform(world.reseller, switch, ChangeEndpoint(told.endpoint.id, enabled=False))
    await world.happen()
    await world.engine.perform(world.reseller, switch, ChangeEndpoint(told.endpoint.id, enabled=True))
    await world.dispatch()
    assert world.subjects == []


async def test_while_a_secret_is_rotated_both_sign_and_then_only_the_new_one(world: World) -> None:
    old = await world.endpoint()
    rotate = RotateSecret(old.endpoint.id, overlap_seconds=60)
    new = (await world.engine.perform(world.reseller, world.webhooks.rotate_secret, rotate)).result
    assert new.secret != old.secret
    await world.happen()
    await world.dispatch()
    (during,) = world.receiver.received
    assert during.headers["webhook-signature"].count("v1,") == 2
    during.verified(old.secret)
    during.verified(new.secret)
    await world.happen()
    await world.later(seconds=61)
    after = world.receiver.received[1]
    after.verified(new.secret)
    with pytest.raises(WebhookVerificationError):
        after.verified(old.secret)


async def test_a_leaked_secret_can_be_dropped_at_once(world: World) -> None:
    old = await world.endpoint()
    rotate = RotateSecret(old.endpoint.id, overlap_seconds=0)
    new = (await world.engine.perform(world.reseller, world.webhooks.rotate_secret, rotate)).result
    await world.happen()
    await world.dispatch()
    (request,) = world.receiver.received
    assert request.headers["webhook-signature"].count("v1,") == 1
    request.verified(new.secret)


async def test_the_log_keeps_the_beginning_of_what_was_answered(world: World) -> None:
    told = await world.endpoint()
    world.receiver.reply = lambda _: answer(400, b"no\0 " + b"\xff" + b"x" * 100_000)
    await world.happen()
    await world.dispatch()
    (delivery,) = await world.log(told.endpoint)
    assert delivery.response_body == "no� �" + "x" * 995
    assert delivery.duration_ms is not None
    assert delivery.last_attempt_at == world.clock.at


async def test_the_log_says_why_nothing_was_answered(world: World) -> None:
    told = await world.endpoint(url="http://127.0.0.9:1/")
    await world.happen()
    await world.dispatch()
    (delivery,) = await world.log(told.endpoint)
    assert (delivery.status, delivery.response_status) == ("pending", None)
    assert delivery.error is not None
    assert delivery.error.startswith("host_unreachable: ")


async def test_a_name_that_leads_to_a_private_address_is_not_called(world: World) -> None:
    async def inside(_host: str, _port: int) -> list[str]:
        return ["127.0.0.1"]

    told = await world.endpoint(url=f"https://shop.example:{world.receiver.port}/")
    await world.happen()
    await world.dispatch(world.dispatcher(Outbound(resolve=inside)))
    (delivery,) = await world.log(told.endpoint)
    assert (delivery.status, delivery.error) == ("pending", "address_refused")
    assert world.receiver.received == []


async def test_two_dispatchers_send_each_event_once(world: World) -> None:
    await world.endpoint()
    told = [await world.happen() for _ in range(30)]
    await world.caught_up()
    both = [world.dispatcher(), world.dispatcher()]
    await asyncio.gather(*(one.drain(world.engine, world.tenant.id) for one in both))
    assert sorted(world.subjects) == sorted(told)


def stuck(world: World) -> tuple[asyncio.Event, asyncio.Event]:
    """The first call hangs: it has arrived, and it may answer (with 500)."""
    arrived, may_answer = asyncio.Event(), asyncio.Event()

    async def hang(_request: Received) -> bytes:
        arrived.set()
        await may_answer.wait()
        return answer(500)

    def reply(request: Received) -> Any:
        return answer(200) if arrived.is_set() else hang(request)

    world.receiver.reply = reply
    return arrived, may_answer


async def test_what_a_dead_dispatcher_had_on_its_way_is_sent_again_when_its_lease_ends(world: World) -> None:
    told = await world.endpoint()
    arrived, _ = stuck(world)
    await world.happen()
    await world.caught_up()
    dying = world.dispatcher()
    await dying.sweep(world.engine, world.tenant.id)
    await arrived.wait()
    await dying.close()
    await world.dispatch()
    assert len(world.receiver.received) == 1
    world.clock.at += LEASE
    await world.dispatch()
    first, second = world.receiver.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert [delivery.status for delivery in await world.log(told.endpoint)] == ["delivered"]


async def test_what_comes_back_after_the_lease_has_passed_on_changes_nothing(world: World) -> None:
    told = await world.endpoint()
    arrived, may_answer = stuck(world)
    await world.happen()
    await world.caught_up()
    slow = asyncio.create_task(world.dispatcher().drain(world.engine, world.tenant.id))
    await arrived.wait()
    world.clock.at += LEASE
    await world.dispatch()
    may_answer.set()
    await slow
    (delivery,) = await world.log(told.endpoint)
    assert (delivery.status, delivery.attempts, delivery.response_status) == ("delivered", 1, 200)
    assert (await world.look(told.endpoint)).failing_since is None


async def test_an_event_that_is_queued_while_the_one_before_it_gets_through_is_not_forgotten(
    world: World,
) -> None:
    told = await world.endpoint()
    world.receiver.answers(500, 200)
    thing = await world.happen("thing.first")
    await world.dispatch()
    await world.happen("thing.second", thing)
    await world.caught_up()
    world.owner.execute(
        "BEGIN"
    )  # what a turn does that ends: hold the endpoint, write down that it was delivered
    world.owner.execute("SELECT 1 FROM webhook_endpoints WHERE id = %s FOR UPDATE", (told.endpoint.id,))
    world.owner.execute(
        "UPDATE webhook_deliveries SET status = 'delivered', next_attempt_at = NULL WHERE endpoint_id = %s",
        (told.endpoint.id,),
    )
    sweeping = asyncio.create_task(world.dispatcher().drain(world.engine, world.tenant.id))
    waits = "SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
    while not (sweeping.done() or world.owner.execute(waits).fetchone()):  # noqa: ASYNC110 - only a look can tell
        await asyncio.sleep(0.005)
    world.owner.execute("COMMIT")
    await sweeping
    assert world.receiver.received[-1].json["type"] == "thing.second"


async def test_a_receiver_that_does_not_answer_holds_up_nobody_else(world: World) -> None:
    arrived, may_answer = stuck(world)
    async with a_receiver() as quick:
        await world.endpoint()
        await world.happen()
        await world.caught_up()
        dispatcher = world.dispatcher()
        await dispatcher.sweep(world.engine, world.tenant.id)
        await arrived.wait()
        await world.endpoint(url=quick.url)
        await world.happen()
        await world.caught_up()
        while not quick.received:
            await dispatcher.sweep(world.engine, world.tenant.id)
            await asyncio.sleep(0)
        assert len(world.receiver.received) == 1
        may_answer.set()
        await dispatcher.drain(world.engine, world.tenant.id)


async def test_an_organisation_that_is_not_active_is_told_nothing(world: World) -> None:
    await world.endpoint()
    world.owner.execute(
        "UPDATE organizations SET status = 'suspended' WHERE id = %s", (world.reseller.organization_id,)
    )
    await world.happen(actor=world.tenant.customer)
    await world.dispatch()
    waiting = world.owner.execute(
        "SELECT count(*) FROM webhook_deliveries WHERE tenant_id = %s", (world.tenant.id,)
    ).fetchone()
    assert (world.subjects, waiting) == ([], (0,))


async def test_what_waits_for_an_organisation_waits_while_it_is_not_active(world: World) -> None:
    await world.endpoint()
    world.receiver.answers(500, 200)
    await world.happen()
    await world.dispatch()
    change = "UPDATE organizations SET status = %s WHERE id = %s"
    world.owner.execute(change, ("suspended", world.reseller.organization_id))
    await world.later(seconds=60)
    assert len(world.receiver.received) == 1
    world.owner.execute(change, ("active", world.reseller.organization_id))
    await world.dispatch()
    assert len(world.receiver.received) == 2


async def test_after_a_restore_into_another_server_events_go_on(world: World) -> None:
    told = await world.endpoint()
    restored = await world.happen()
    await world.dispatch()
    ahead = "pg_snapshot '9000000000:9000000000:'"
    for table, column, value in (
        ("events", "txid", "txid + 9000000000"),
        ("webhook_endpoints", "since", ahead),
        ("webhook_cursors", "txid", "txid + 9000000000"),
    ):
        world.owner.execute(f"UPDATE {table} SET {column} = {value} WHERE tenant_id = %s", (world.tenant.id,))
    world.owner.execute("SELECT renumber_events()")
    after = await world.happen()
    await world.dispatch()
    assert world.subjects == [restored, after]
    whole = RedeliverRange(
        told.endpoint.id, world.started - timedelta(days=1), world.clock.at + timedelta(days=1)
    )
    await world.engine.perform(world.reseller, world.redelivery.redeliver_range, whole)
    await world.dispatch()
    assert sorted(world.subjects[2:]) == sorted([restored, after])


async def test_nothing_is_lost_and_each_subject_stays_in_order_while_many_write_and_some_fail(
    world: World,
) -> None:
    await world.endpoint()
    failed: set[str] = set()

    def every_third_fails_once(request: Received) -> bytes:
        message = request.headers["webhook-id"]
        fails = int(message[-1], 16) % 3 == 0 and message not in failed
        failed.add(message)
        return answer(500 if fails else 200)

    world.receiver.reply = every_third_fails_once
    lines = [new_id() for _ in range(4)]
    dispatcher = world.dispatcher()

    async def write(line: UUID) -> None:
        for step in range(12):
            await world.happen(f"thing.step_{step}", line)

    writing = asyncio.gather(*(write(line) for line in lines))
    while not writing.done():
        await dispatcher.sweep(world.engine, world.tenant.id)
        world.clock.at += timedelta(seconds=6)
        await asyncio.sleep(0.005)
    await writing
    for _ in range(13):
        world.clock.at += timedelta(seconds=6)
        await world.dispatch(dispatcher)
    arrived: dict[UUID, list[str]] = {line: [] for line in lines}
    seen: set[str] = set()
    for request in reversed(
        world.receiver.received
    ):  # the last call of each event is the one that got through
        if request.headers["webhook-id"] not in seen:
            seen.add(request.headers["webhook-id"])
            arrived[UUID(request.json["subject_id"])].insert(0, request.json["type"])
    assert arrived == {line: [f"thing.step_{step}" for step in range(12)] for line in lines}


async def test_old_deliveries_are_forgotten_and_pending_ones_are_not(world: World) -> None:
    told = await world.endpoint()
    world.receiver.answers(200, 500)
    await world.happen()
    await world.dispatch()
    await world.happen()
    await world.dispatch()
    world.clock.at += timedelta(days=31)
    await purge_deliveries(world.engine)
    assert [delivery.status for delivery in await world.log(told.endpoint)] == ["pending"]
