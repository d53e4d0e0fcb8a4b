"""Waiting for what happens next: a long poll, and a stream without end.

Both look again and again, at first after a moment and then once a second. The database could call instead (NOTIFY),
but that makes all commits queue for one lock, which every order would pay for; a look costs a third of a millisecond
(docs/decisions/0004). Each look is a read of its own: it holds no connection in between, and a session that ends, or
loses its rights, ends the stream with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from chandlery.engine.event_stream.reading import EventsAfter, StreamPage, events_after, latest_cursor
from chandlery.engine.event_stream.stored import StoredEvent
from chandlery.engine.unit_of_work import Engine
from chandlery.kernel.actor import Actor

LONGEST_WAIT_SECONDS = 30.0
HEARTBEAT_SECONDS = 15.0
_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Nothing happened for a while; the stream stands here."""

    cursor: str


async def wait_for_events(
    engine: Engine, actor: Actor, query: EventsAfter, wait_seconds: float
) -> StreamPage:
    """The next events; when there are none, as soon as there are some, or an empty page after `wait_seconds`."""
    clock = asyncio.get_running_loop().time
    until = clock() + max(0.0, min(wait_seconds, LONGEST_WAIT_SECONDS))
    pause = _FIRST_PAUSE_SECONDS
    while True:
        page = await engine.read(actor, events_after, query)
        left = until - clock()
        if page.items or left <= 0:
            return page
        query = replace(query, cursor=page.next_cursor)
        if page.caught_up:
            await asyncio.sleep(min(pause, left))
            pause = min(pause * 1.5, _LONGEST_PAUSE_SECONDS)


async def follow(
    engine: Engine, actor: Actor, query: EventsAfter, heartbeat_seconds: float = HEARTBEAT_SECONDS
) -> AsyncIterator[StoredEvent | Heartbeat]:
    """Events as they happen, without end; without a cursor, from now on. For server-sent events: an event's `cursor`
    is its id, and Last-Event-ID comes back as the query's cursor.
    """
    if query.cursor is None:
        query = replace(query, cursor=await engine.read(actor, latest_cursor, None))
    while True:
        page = await wait_for_events(engine, actor, query, heartbeat_seconds)
        for event in page.items:
            yield event
        if not page.items:
            yield Heartbeat(page.next_cursor)
        query = replace(query, cursor=page.next_cursor)
