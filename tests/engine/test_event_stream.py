from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import psycopg
import pytest

from chandlery.engine.errors import SessionEnded
from chandlery.engine.event_stream.filters import EventFilterUnreadable, check_patterns, matches
from chandlery.engine.event_stream.following import Heartbeat, follow, wait_for_events
from chandlery.engine.event_stream.reading import EventsAfter, StreamPage, events_after, latest_cursor
from chandlery.engine.event_stream.stored import StoredEvent
from chandlery.engine.unit_of_work import Engine, Meter, Unit
from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import PermissionMissing
from chandlery.kernel.events import Event
from chandlery.kernel.ids import OrganizationId, new_id
from chandlery.kernel.page import CursorUnreadable, LimitOutOfRange
from tests.builders import Tenant, a_tenant, allowed


async def tell(unit: Unit, actor: Actor, event: Event) -> UUID:
    unit.emit(event)
    return event.subject_id


async def happen(
    engine: Engine, actor: Actor, event_type: str, subject_id: UUID | None = None, **data: Any
) -> UUID:
    """One event of its own unit, owned by the actor's organisation."""
    event = Event(event_type, subject_id or new_id(), actor.organization_id, data)
    return (await engine.perform(actor, tell, event)).result


def reader(actor: Actor) -> Actor:
    return allowed(actor, "events:read")


async def all_of(engine: Engine, actor: Actor, query: EventsAfter, most: int = 1000) -> list[StoredEvent]:
    """Everything up to the end of the stream, `most` events at most.

    Whoever else uses the server holds the end back while they write, so this waits until `most` have come.
    """
    found: list[StoredEvent] = []
    for _ in range(20):
        page = await wait_for_events(engine, reader(actor), query, 10 if most < 1000 else 0)
        found += page.items
        if len(found) >= most or (page.caught_up and most == 1000):
            break
        query = replace(query, cursor=page.next_cursor)
    return found


async def test_reading_costs_one_round_trip(engine: Engine, tenant: Tenant, meters: list[Meter]) -> None:
    await engine.read(reader(tenant.operator), events_after, EventsAfter())
    assert meters[-1].round_trips == 1


async def test_events_come_in_order_and_each_once_whatever_the_page(engine: Engine, tenant: Tenant) -> None:
    told = [await happen(engine, tenant.reseller, "thing.named") for _ in range(7)]
    query = EventsAfter(limit=3)
    assert [event.subject_id for event in await all_of(engine, tenant.operator, query, 7)] == told


async def test_a_subject_is_read_in_order(engine: Engine, tenant: Tenant) -> None:
    thing = await happen(engine, tenant.reseller, "thing.named", step=1)
    await happen(engine, tenant.reseller, "thing.named")
    await happen(engine, tenant.reseller, "thing.moved", thing, step=2)
    found = await all_of(engine, tenant.operator, EventsAfter(subject_id=thing), 2)
    assert [(event.type, event.data["step"]) for event in found] == [("thing.named", 1), ("thing.moved", 2)]


async def test_only_events_of_the_own_organisation_and_those_below_are_seen(
    engine: Engine, tenant: Tenant, owner: psycopg.Connection[Any]
) -> None:
    of_operator = await happen(engine, tenant.operator, "thing.named")
    of_customer = await happen(engine, tenant.customer, "thing.named")
    of_another = a_tenant(owner)
    await happen(engine, of_another.operator, "thing.named")
    seen = {
        name: [event.subject_id for event in await all_of(engine, actor, EventsAfter(), most)]
        for name, actor, most in (
            ("operator", tenant.operator, 2),
            ("reseller", tenant.reseller, 1),
            ("customer", tenant.customer, 1),
        )
    }
    assert seen == {
        "operator": [of_operator, of_customer],
        "reseller": [of_customer],
        "customer": [of_customer],
    }


async def test_types_are_chosen_by_name_by_noun_or_not_at_all(engine: Engine, tenant: Tenant) -> None:
    for event_type in ("thing.named", "thing.moved", "things.named", "other.named"):
        await happen(engine, tenant.reseller, event_type)

    async def types(*patterns: str, most: int) -> list[str]:
        found = await all_of(engine, tenant.reseller, EventsAfter(types=patterns), most)
        return [event.type for event in found]

    assert await types("*", most=4) == ["thing.named", "thing.moved", "things.named", "other.named"]
    assert await types("thing.*", most=2) == ["thing.named", "thing.moved"]
    assert await types("thing.moved", "other.*", most=2) == ["thing.moved", "other.named"]


async def test_an_event_is_not_shown_while_an_older_transaction_may_yet_add_one_before_it(
    engine: Engine, tenant: Tenant, owner: psycopg.Connection[Any]
) -> None:
    query = EventsAfter(await engine.read(reader(tenant.operator), latest_cursor, None))
    owner.execute("BEGIN")
    owner.execute("SELECT pg_current_xact_id()")  # it has its place in the order, and says nothing yet
    late = await happen(engine, tenant.reseller, "thing.named", late=False)
    page = await engine.read(reader(tenant.operator), events_after, query)
    assert (list(page.items), page.caught_up) == ([], True)

    owner.execute(
        "INSERT INTO events (id, tenant_id, at, type, subject, subject_id, owner_id, owner_path, principal,"
        " organization_id, surface, request_id, data) SELECT %s, tenant_id, now(), 'thing.late', 'thing', id, id, path,"
        " 'test', id, 'test', '', '{}' FROM organizations WHERE id = %s",
        (new_id(), tenant.reseller.organization_id),
    )
    owner.execute("COMMIT")
    query = replace(query, cursor=page.next_cursor)
    found = await all_of(engine, tenant.operator, query, 2)
    assert [event.subject_id for event in found] == [tenant.reseller.organization_id, late]


async def test_nothing_is_skipped_while_many_write_at_once(engine: Engine, tenant: Tenant) -> None:
    told: set[UUID] = set()
    read: list[UUID] = []
    finished = asyncio.Event()

    async def write() -> None:
        for _ in range(15):
            told.add(await happen(engine, tenant.reseller, "thing.named"))

    async def read_on() -> None:
        query = EventsAfter(limit=4)
        while not (finished.is_set() and len(read) >= 60):
            page = await wait_for_events(engine, reader(tenant.reseller), query, 1)
            read.extend(event.subject_id for event in page.items)
            query = replace(query, cursor=page.next_cursor)

    reading = asyncio.create_task(read_on())
    await asyncio.gather(*(write() for _ in range(4)))
    finished.set()
    await asyncio.wait_for(reading, 30)
    assert len(read) == 60
    assert set(read) == told


async def test_a_reader_of_little_gets_through_a_stream_of_much_in_bounded_steps(
    engine: Engine, tenant: Tenant, owner: psycopg.Connection[Any]
) -> None:
    owner.execute(
        "INSERT INTO events (id, tenant_id, txid, at, type, subject, subject_id, owner_id, owner_path, principal,"
        " organization_id, surface, request_id, data) SELECT gen_random_uuid(), tenant_id, 1, now(), 'thing.named',"
        " 'thing', gen_random_uuid(), id, path, 'test', id, 'test', '', '{}'"
        " FROM organizations, generate_series(1, 25000) WHERE id = %s",
        (tenant.operator.organization_id,),
    )
    mine = await happen(engine, tenant.customer, "thing.named")
    pages: list[StreamPage] = []
    query = EventsAfter()
    while not pages or not (pages[-1].caught_up or pages[-1].items):
        pages.append(await engine.read(reader(tenant.customer), events_after, query))
        query = replace(query, cursor=pages[-1].next_cursor)
    assert [len(page.items) for page in pages[:2]] == [0, 0]
    assert len(pages) == 3
    if not pages[-1].items:
        pages.append(await wait_for_events(engine, reader(tenant.customer), query, 10))
    assert [event.subject_id for event in pages[-1].items] == [mine]


async def test_a_long_poll_answers_when_something_happens(engine: Engine, tenant: Tenant) -> None:
    query = EventsAfter(await engine.read(reader(tenant.operator), latest_cursor, None))
    waiting = asyncio.create_task(wait_for_events(engine, reader(tenant.operator), query, 20))
    told = await happen(engine, tenant.reseller, "thing.named")
    page = await asyncio.wait_for(waiting, 20)
    assert [event.subject_id for event in page.items] == [told]


async def test_a_long_poll_without_patience_answers_at_once(engine: Engine, tenant: Tenant) -> None:
    page = await wait_for_events(engine, reader(tenant.operator), EventsAfter(), 0)
    assert list(page.items) == []


async def next_event(stream: AsyncIterator[StoredEvent | Heartbeat]) -> StoredEvent:
    async for item in stream:
        if isinstance(item, StoredEvent):
            return item
    raise AssertionError("the stream ended")


async def test_a_follower_that_comes_back_with_its_last_event_id_misses_nothing(
    engine: Engine, tenant: Tenant
) -> None:
    before = await engine.read(reader(tenant.operator), latest_cursor, None)
    told = [await happen(engine, tenant.reseller, "thing.named") for _ in range(3)]
    first = await next_event(follow(engine, reader(tenant.operator), EventsAfter(before), 1))
    again = follow(engine, reader(tenant.operator), EventsAfter(first.cursor), 1)
    rest = [await next_event(again), await next_event(again)]
    assert [first.subject_id, *(event.subject_id for event in rest)] == told


async def test_a_quiet_stream_gives_signs_of_life(engine: Engine, tenant: Tenant) -> None:
    stream = follow(engine, reader(tenant.operator), EventsAfter(), heartbeat_seconds=0)
    assert isinstance(await anext(stream), Heartbeat)
    assert isinstance(await anext(stream), Heartbeat)


async def test_a_stream_ends_with_the_session_behind_it(
    engine: Engine, tenant: Tenant, owner: psycopg.Connection[Any]
) -> None:
    stream = follow(engine, reader(tenant.operator), EventsAfter(), heartbeat_seconds=0)
    await anext(stream)
    owner.execute("UPDATE sessions SET ended_at = now() WHERE id = %s", (tenant.operator.session_id,))
    with pytest.raises(SessionEnded):
        await anext(stream)


async def test_the_stream_asks_for_permission(engine: Engine, tenant: Tenant) -> None:
    with pytest.raises(PermissionMissing):
        await engine.read(tenant.operator, events_after, EventsAfter())
    with pytest.raises(PermissionMissing):
        await engine.read(tenant.operator, latest_cursor, None)


@pytest.mark.parametrize(
    "cursor", ["", "x", "1", "1.", f"-1.{'0' * 32}", f"{'f' * 17}.{'0' * 32}", f"1.{'g' * 32}", "1.\0", "é.1"]
)
async def test_a_cursor_of_foreign_make_is_refused(engine: Engine, tenant: Tenant, cursor: str) -> None:
    with pytest.raises(CursorUnreadable):
        await engine.read(reader(tenant.operator), events_after, EventsAfter(cursor))


async def test_limits_and_filters_are_refused_when_they_make_no_sense(engine: Engine, tenant: Tenant) -> None:
    with pytest.raises(LimitOutOfRange):
        await engine.read(reader(tenant.operator), events_after, EventsAfter(limit=201))
    with pytest.raises(EventFilterUnreadable) as refused:
        check_patterns(["order.*", "order", "*.paid", "order.pa*", "Order.paid", ""])
    assert [problem.field for problem in refused.value.problems] == [f"events.{i}" for i in range(1, 6)]
    with pytest.raises(EventFilterUnreadable):
        check_patterns([])


def test_a_pattern_means_a_type_a_noun_or_everything() -> None:
    assert matches("*", "order.submitted")
    assert matches("order.*", "order.submitted")
    assert matches("order.submitted", "order.submitted")
    assert not matches("orders.*", "order.submitted")
    assert not matches("order.line", "order.line_added")


async def test_an_event_has_one_form_on_every_wire(engine: Engine, tenant: Tenant) -> None:
    thing = await happen(engine, tenant.reseller, "thing.named", name="Ünit")
    (event,) = await all_of(engine, tenant.operator, EventsAfter(), 1)
    assert event.payload() == {
        "id": str(event.id),
        "type": "thing.named",
        "timestamp": "2026-11-20T12:00:00Z",
        "organization_id": str(OrganizationId(tenant.reseller.organization_id)),
        "subject": "thing",
        "subject_id": str(thing),
        "data": {"name": "Ünit"},
    }
