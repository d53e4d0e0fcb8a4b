"""A unit of work from the inside: what a use case may do with the database, and when it travels.

`enter_unit` is the first statement of every unit: it sets the tenant scope that row-level security compares with, and
checks in the same round trip that the caller's session still stands. When it does not, the scope is empty: everything
that travelled with it reads nothing and writes nothing. Writes are queued and travel with the next fetch, the last
ones together with COMMIT, so that a plain write costs two round trips.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar, overload
from uuid import UUID

import psycopg
import psycopg.generators
from psycopg import AsyncConnection, AsyncCursor
from psycopg.abc import PQGen
from psycopg.types.json import Jsonb

from chandlery.engine.errors import CommitUnconfirmed, IdempotencyKeyReused, SessionEnded
from chandlery.engine.jobs import Job, Triggers
from chandlery.engine.statements import Query, Row, Write
from chandlery.kernel.actor import Actor
from chandlery.kernel.clock import Clock
from chandlery.kernel.errors import Fault
from chandlery.kernel.events import Event
from chandlery.kernel.ids import new_id

T = TypeVar("T")
T1 = TypeVar("T1")
T2 = TypeVar("T2")
T3 = TypeVar("T3")
T4 = TypeVar("T4")
T5 = TypeVar("T5")

_ENTER = "SELECT * FROM enter_unit(%s, %s, %s, %s, %s, %s, %s, %s, %s)"
_RECORD = "SELECT record_unit(%s, %s, %s, %s, %s, %s)"


@dataclass(frozen=True, slots=True)
class Once(Generic[T]):
    """An idempotency key: the same operation under the same key happens once and answers alike for ever.

    `fingerprint` is a hash of the request; `remember` turns the result into the bytes that a repetition gets.
    """

    key: str
    operation: str
    fingerprint: bytes
    remember: Callable[[T], bytes]


@dataclass(slots=True)
class Meter:
    """What one unit of work cost; tests assert these, telemetry counts them."""

    use_case: str
    round_trips: int = 0
    statements: int = 0
    seconds: float = 0.0


@dataclass(slots=True)
class _Standing:
    """What `enter_unit` answered."""

    now: datetime
    path: str
    stored_fingerprint: bytes | None
    stored_answer: bytes | None
    features: list[str]


class Reader:
    """What a query needs: the actor, the tenant's time, and one round trip per `fetch`."""

    def __init__(self, conn: AsyncConnection[Row], actor: Actor, clock: Clock, meter: Meter) -> None:
        self.actor = actor
        self.conn = conn
        self._clock = clock
        self._meter = meter
        self._standing: _Standing | None = None

    @property
    def now(self) -> datetime:
        """The tenant's time: the clock plus, for a sandbox, its offset. Known after the first fetch."""
        return self._entered.now

    @property
    def path(self) -> str:
        """The materialised path of the actor's organisation. Known after the first fetch."""
        return self._entered.path

    def uses(self, feature: str) -> bool:
        """Whether the tenant has come to use something; what it does not use need not be looked for."""
        return feature in self._entered.features

    @property
    def _entered(self) -> _Standing:
        if self._standing is None:
            raise RuntimeError("the unit has not entered yet: fetch something first")
        return self._standing

    @overload
    async def fetch(self, q1: Query[T1], /) -> T1: ...
    @overload
    async def fetch(self, q1: Query[T1], q2: Query[T2], /) -> tuple[T1, T2]: ...
    @overload
    async def fetch(self, q1: Query[T1], q2: Query[T2], q3: Query[T3], /) -> tuple[T1, T2, T3]: ...
    @overload
    async def fetch(
        self, q1: Query[T1], q2: Query[T2], q3: Query[T3], q4: Query[T4], /
    ) -> tuple[T1, T2, T3, T4]: ...
    @overload
    async def fetch(
        self, q1: Query[T1], q2: Query[T2], q3: Query[T3], q4: Query[T4], q5: Query[T5], /
    ) -> tuple[T1, T2, T3, T4, T5]: ...

    async def fetch(self, *queries: Query[Any]) -> Any:
        """Send these queries, and all that is queued before them, in one round trip; their values, in order.

        Refusals surface in the order of the queries: the first one that finds nothing raises.
        """
        values = await self._exchange(queries)
        return values[0] if len(values) == 1 else tuple(values)

    async def _exchange(self, queries: Sequence[Query[Any]]) -> list[Any]:
        cursors = []
        async with self.conn.pipeline():
            entered = await self._send_enter(None)
            for query in queries:
                cursors.append(await self._send(query.sql, query.params))
        self._meter.round_trips += 1
        await self._stand(entered)
        return [query.read(await cursor.fetchall()) for query, cursor in zip(queries, cursors, strict=True)]

    async def _send(self, sql: str, params: Any) -> AsyncCursor[Row]:
        self._meter.statements += 1
        cursor = self.conn.cursor(binary=True)
        await cursor.execute(sql, params, prepare=True)
        return cursor

    async def _send_enter(self, once: Once[Any] | None) -> AsyncCursor[Row]:
        actor = self.actor
        return await self._send(
            _ENTER,
            (
                actor.tenant_id,
                actor.organization_id,
                actor.session_id,
                actor.epoch,
                actor.is_system,
                self._clock.now(),
                *((once.operation, once.key, actor.principal) if once else (None, None, None)),
            ),
        )

    async def _stand(self, cursor: AsyncCursor[Row]) -> None:
        row = await cursor.fetchone()
        if row is None or row[0] is None:
            raise SessionEnded
        self._standing = _Standing(*row)


class Unit(Reader):
    """A unit of work: everything in it is saved together or not at all."""

    def __init__(
        self,
        conn: AsyncConnection[Row],
        actor: Actor,
        clock: Clock,
        meter: Meter,
        triggers: Triggers,
        once: Once[Any] | None,
    ) -> None:
        super().__init__(conn, actor, clock, meter)
        self._triggers = triggers
        self._once = once
        self._queue: list[Write] = []
        self._refusals: dict[str, Callable[[], Fault]] = {}
        self._events: list[tuple[UUID, Event]] = []
        self._jobs: list[Job] = []

    def write(self, *writes: Write) -> None:
        """Queue writes; they travel with the next fetch or with the commit, in this order."""
        self._queue.extend(writes)

    def note_use(self, feature: str) -> None:
        """The tenant has just come to use something; the caller stores that."""
        self._entered.features.append(feature)

    def emit(self, event: Event) -> None:
        """Record what happened, in this transaction, and queue the job that it triggers."""
        self._events.append((new_id(), event))
        trigger = self._triggers.get(event.type)
        job = trigger(event) if trigger else None
        if job is not None:
            self._jobs.append(job)

    def defer(self, job: Job) -> None:
        """Queue durable work, stored in this transaction."""
        self._jobs.append(job)

    async def _exchange(self, queries: Sequence[Query[Any]]) -> list[Any]:
        cursors = []
        entered = None
        writes, self._queue = self._queue, []
        self._remember_refusals([*writes, *queries])
        try:
            async with self.conn.pipeline():
                if self._standing is None:
                    await self._send("BEGIN", None)
                    entered = await self._send_enter(self._once)
                for write in writes:
                    await self._send(write.sql, write.params)
                for query in queries:
                    cursors.append(await self._send(query.sql, query.params))
        finally:
            # Also when a statement behind it failed: a refused session and a replay explain that failure.
            self._meter.round_trips += 1
            if entered is not None and entered.pgresult is not None:
                await self._stand(entered)
                self._replay_if_known()
        return [query.read(await cursor.fetchall()) for query, cursor in zip(queries, cursors, strict=True)]

    def _remember_refusals(self, statements: Sequence[Write | Query[Any]]) -> None:
        for statement in statements:
            self._refusals.update(statement.refusals)

    def _replay_if_known(self) -> None:
        standing = self._entered
        if self._once is None or standing.stored_answer is None:
            return
        if standing.stored_fingerprint != self._once.fingerprint:
            raise IdempotencyKeyReused
        raise Replay(standing.stored_answer)

    async def finish(self, answer: bytes | None, dry_run: bool) -> None:
        """Send what is left, the record of it all, and COMMIT (or, for a dry run, ROLLBACK) in one round trip."""
        if self._standing is None:
            await self._exchange(())
        writes, self._queue = self._queue, []
        self._remember_refusals(writes)
        async with self.conn.pipeline():
            for write in writes:
                await self._send(write.sql, write.params)
            if self._events or self._jobs or answer is not None:
                await self._send(_RECORD, self._record(answer))
            ended = None if dry_run else await self._send("COMMIT", None)
        self._meter.round_trips += 1
        if ended is None:
            await roll_back(self.conn, None)
        elif ended.statusmessage != "COMMIT":
            raise CommitUnconfirmed

    def _record(self, answer: bytes | None) -> tuple[Any, ...]:
        events = [
            {
                "id": event_id,
                "type": event.type,
                "subject": event.subject,
                "subject_id": event.subject_id,
                "owner_id": event.owner_id,
                "data": event.data,
            }
            for event_id, event in self._events
        ]
        actor = self.actor
        by = {
            "principal": actor.principal,
            "organization_id": actor.organization_id,
            "surface": actor.surface,
            "request_id": actor.request_id,
        }
        once = self._once if answer is not None else None
        return (
            Jsonb(events),
            Jsonb(by),
            Jsonb([job.as_json() for job in self._jobs]),
            Jsonb({"operation": once.operation, "key": once.key}) if once else None,
            once.fingerprint if once else None,
            answer,
        )

    def refusal_for(self, error: psycopg.Error) -> Fault | None:
        """The room's own refusal for a broken constraint, by its name."""
        name = error.diag.constraint_name
        refuse = self._refusals.get(name) if name else None
        return refuse() if refuse else None


class Replay(Exception):
    """The same key was answered before: leave the use case and give that answer."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer


async def roll_back(conn: AsyncConnection[Row], error: BaseException | None) -> None:
    """Undo. After an error of the database, forget the prepared statements too.

    In a broken pipeline psycopg counts statements as prepared that the server skipped, so those must go. After any
    other refusal they are good, and psycopg's own roll-back would drop them all: hence the bare command.
    """
    if conn.broken or conn.closed:
        return
    try:
        if isinstance(error, psycopg.Error):
            await conn.execute("ROLLBACK; DEALLOCATE ALL", prepare=False)
        else:
            await conn.wait(_bare_rollback(conn))
    except psycopg.Error:
        await conn.close()


def database_error(error: BaseException | None) -> psycopg.Error | None:
    """The database's error behind this one: a refusal that was found out by it still left a broken pipeline."""
    while error is not None and not isinstance(error, psycopg.Error):
        error = error.__context__
    return error


def _bare_rollback(conn: AsyncConnection[Row]) -> PQGen[None]:
    conn.pgconn.send_query(b"ROLLBACK")
    yield from psycopg.generators.execute(conn.pgconn)
