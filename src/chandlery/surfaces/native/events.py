"""The stream of everything that happened, in an order that can be followed without missing anything."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta

from chandlery.engine.event_stream.filters import check_patterns
from chandlery.engine.event_stream.following import (
    LONGEST_WAIT_SECONDS,
    Heartbeat,
    follow,
    wait_for_events,
)
from chandlery.engine.event_stream.reading import EventsAfter, latest_cursor
from chandlery.engine.event_stream.stored import StoredEvent, parse_place
from chandlery.kernel.errors import Unauthenticated
from chandlery.kernel.page import DEFAULT_LIMIT, MAX_LIMIT
from chandlery.surfaces.http.call import Call
from chandlery.surfaces.http.decoding import Body
from chandlery.surfaces.http.route import Reply
from chandlery.surfaces.http.streaming import Stream
from chandlery.surfaces.native.fields import Id, parted
from chandlery.surfaces.native.wiring import wired

SSE = "text/event-stream"
_RECONNECT = b"retry: 2000\n\n"


class EventBody(msgspec.Struct, kw_only=True):
    """Something that happened to the `subject` with that id, which belongs to `organization_id`."""

    id: UUID
    type: str
    timestamp: datetime
    organization_id: UUID
    subject: str
    subject_id: UUID
    principal: str
    surface: str
    data: dict[str, Any]


class StreamBody(msgspec.Struct, kw_only=True):
    """Go on from `next_cursor` with `cursor`; there is always one. Until `caught_up`, more can be had at once."""

    items: list[EventBody]
    next_cursor: str
    caught_up: bool


class StreamQuery(Body):
    cursor: Annotated[str, Meta(description="A `next_cursor`; the beginning unless given.")] | None = None
    after: Annotated[str, Meta(description="The same as `cursor`.")] | None = None
    types: Annotated[
        list[str],
        Meta(description="Types such as `order.submitted` or `order.*`; repeated, or parted by commas."),
    ] = msgspec.field(default_factory=list)
    type: Annotated[list[str], Meta(description="The same as `types`.")] = msgspec.field(default_factory=list)
    subject_id: Annotated[Id, Meta(description="Only what happened to this one.")] | None = None
    limit: Annotated[int, Meta(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT
    wait: Annotated[
        float,
        Meta(
            ge=0,
            le=LONGEST_WAIT_SECONDS,
            description="Where there is nothing yet: for so many seconds, or until there is.",
        ),
    ] = 0.0


class EventTypeBody(msgspec.Struct, kw_only=True):
    """A type of event, and the JSON Schema of such an event as webhooks and the stream show it."""

    name: str
    description: str
    json_schema: dict[str, Any] = msgspec.field(name="schema")


class EventTypesBody(msgspec.Struct, kw_only=True):
    """All of them, by name."""

    items: list[EventTypeBody]
    next_cursor: str | None


async def list_events(call: Call) -> Reply:
    query: StreamQuery = call.query
    types = (*parted(query.types), *parted(query.type)) or ("*",)
    command = EventsAfter(query.cursor or query.after, types, query.subject_id, query.limit)
    if SSE in (call.header("accept") or ""):
        return await _followed(call, command)
    found = await wait_for_events(wired(call).engine, call.actor, command, query.wait)
    items = [_event(event) for event in found.items]
    return Reply(StreamBody(items=items, next_cursor=found.next_cursor, caught_up=found.caught_up))


async def list_event_types(call: Call) -> Reply:
    catalogue = wired(call).events
    items = [
        EventTypeBody(name=kind.name, description=kind.description, json_schema=catalogue.schema(kind.name))
        for kind in catalogue
    ]
    return Reply(EventTypesBody(items=items, next_cursor=None))


async def _followed(call: Call, command: EventsAfter) -> Reply:
    """What is wrong with the question is answered as ever; from then on there is only the stream."""
    command = replace(command, cursor=call.header("last-event-id") or command.cursor)
    parse_place(command.cursor)
    check_patterns(command.types, "types")
    now = await call.read(latest_cursor, None)
    command = replace(command, cursor=command.cursor or now)
    return Reply(
        Stream(_server_sent(call, command), endless=True),
        headers=(("x-accel-buffering", "no"),),
        media_type=SSE,
    )


async def _server_sent(call: Call, command: EventsAfter) -> AsyncGenerator[bytes, None]:
    yield _RECONNECT
    try:
        async for found in follow(wired(call).engine, call.actor, command):
            if isinstance(found, Heartbeat):
                yield f": still here\nid: {found.cursor}\n\n".encode()
            else:
                body = msgspec.json.encode(_event(found))
                yield b"id: %b\ndata: %b\n\n" % (found.cursor.encode(), body)
    except Unauthenticated:
        return  # the session has ended, and the stream with it: whoever comes again is told so


def _event(event: StoredEvent) -> EventBody:
    return EventBody(
        id=event.id,
        type=event.type,
        timestamp=event.at,
        organization_id=event.organization_id,
        subject=event.subject,
        subject_id=event.subject_id,
        principal=event.principal,
        surface=event.surface,
        data=dict(event.data),
    )
