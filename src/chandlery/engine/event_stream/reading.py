"""Reading the stream: the next events after a place, for whoever may see their owners."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from chandlery.engine.event_stream import _store
from chandlery.engine.event_stream.filters import EVERYTHING, check_patterns
from chandlery.engine.event_stream.stored import StoredEvent, parse_place
from chandlery.engine.unit import Reader
from chandlery.kernel.actor import Actor
from chandlery.kernel.page import DEFAULT_LIMIT, PageRequest

EVENTS_READ = "events:read"

WINDOW_ROWS = 10_000
"""How many events of a tenant one read looks at, however few of them it may show or was asked for."""


@dataclass(frozen=True, slots=True)
class EventsAfter:
    """Ask for events behind `cursor` (None: from the beginning), of these types, and of one subject if given."""

    cursor: str | None = None
    types: tuple[str, ...] = (EVERYTHING,)
    subject_id: UUID | None = None
    limit: int = DEFAULT_LIMIT


@dataclass(frozen=True, slots=True)
class StreamPage:
    """Some events and where to go on. A stream has no last page: `next_cursor` is always there.

    When it is not `caught_up`, more may be had at once, even behind an empty page: a read looks at a bounded number of
    events, whether they are of use to the reader or not.
    """

    items: Sequence[StoredEvent]
    next_cursor: str
    caught_up: bool


async def events_after(reader: Reader, actor: Actor, query: EventsAfter) -> StreamPage:
    """The next events in the order of the stream; none is ever skipped, however late its transaction ended."""
    actor.require(EVENTS_READ)
    after = parse_place(query.cursor)
    patterns = check_patterns(query.types, "types")
    limit = PageRequest(query.limit).limit
    rows = None if query.subject_id else WINDOW_ROWS
    found, looked, is_end = await reader.fetch(
        _store.next_events(after, rows, patterns, query.subject_id, limit)
    )
    if len(found) == limit:
        return StreamPage(found, found[-1].cursor, False)
    return StreamPage(found, str(looked), is_end)


async def latest_cursor(reader: Reader, actor: Actor, _command: None) -> str:
    """The place from which on everything is new."""
    actor.require(EVENTS_READ)
    end = await reader.fetch(_store.end_of_stream())
    return str(end)
