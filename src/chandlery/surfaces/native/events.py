"""The stream of everything that happened, in an order that can be followed without missing anything."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta

from chandlery.engine.event_stream.reading import EventsAfter, events_after
from chandlery.engine.event_stream.stored import StoredEvent
from chandlery.kernel.page import DEFAULT_LIMIT, MAX_LIMIT
from chandlery.surfaces.http.call import Call
from chandlery.surfaces.http.decoding import Body
from chandlery.surfaces.http.route import Reply
from chandlery.surfaces.native.fields import Id, parted


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
    """Go on from `next_cursor` with `after`; there is always one. Until `caught_up`, more can be had at once."""

    items: list[EventBody]
    next_cursor: str
    caught_up: bool


class StreamQuery(Body):
    after: Annotated[str, Meta(description="A `next_cursor`; the beginning unless given.")] | None = None
    type: Annotated[
        list[str],
        Meta(description="Types such as `order.submitted` or `order.*`; repeated, or parted by commas."),
    ] = msgspec.field(default_factory=list)
    subject_id: Annotated[Id, Meta(description="Only what happened to this one.")] | None = None
    limit: Annotated[int, Meta(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT


async def list_events(call: Call) -> Reply:
    query: StreamQuery = call.query
    types = parted(query.type)
    command = EventsAfter(query.after, types or ("*",), query.subject_id, query.limit)
    found = await call.read(events_after, command)
    items = [_event(event) for event in found.items]
    return Reply(StreamBody(items=items, next_cursor=found.next_cursor, caught_up=found.caught_up))


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
