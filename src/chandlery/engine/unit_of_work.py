"""The one road to a write, and the short road to a read.

    perform   begin - enter - (replay?) - use case - writes, events, audit, jobs, answer - commit | roll back
    read      enter - queries, in one round trip

`enter_unit` is the first statement of every unit: it sets the tenant scope that row-level security compares with, and
checks in the same round trip that the caller's session still stands. When it does not, the scope is empty: everything
that travelled with it reads nothing and writes nothing. Writes are queued and travel with the next fetch, the last
ones together with COMMIT, so that a plain write costs two round trips.

An error in a pipeline surfaces at the next fetch or at its end, and COMMIT after a swallowed error answers ROLLBACK
without raising. So the tag of COMMIT is checked, and whatever was not committed is rolled back.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload
from uuid import UUID
from weakref import WeakValueDictionary

import psycopg
from psycopg import AsyncConnection, AsyncCursor
from psycopg.types.json import Jsonb
from psycopg_pool import PoolTimeout

from chandlery.engine.database import Pool
from chandlery.engine.errors import (
    Busy,
    CommitUnconfirmed,
    DatabaseUnavailable,
    IdempotencyKeyReused,
    SessionEnded,
)
from chandlery.engine.jobs import Job, Triggers
from chandlery.engine.statements import Query, Refusals, Row, Write
from chandlery.kernel.actor import Actor
from chandlery.kernel.clock import Clock, SystemClock
from chandlery.kernel.errors import Fault
from chandlery.kernel.events import Event
from chandlery.kernel.ids import new_id

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

C = TypeVar("C")
T = TypeVar("T")
T1 = TypeVar("T1")
T2 = TypeVar("T2")
T3 = TypeVar("T3")
T4 = TypeVar("T4")
T5 = TypeVar("T5")

ATTEMPTS = 4
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


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """What a use case returned, or (`replayed`) the remembered answer of the first call under the same key."""

    value: T | None
    answer: bytes | None = None
    replayed: bool = False

    @property
    def result(self) -> T:
        assert self.value is not None
        return self.value


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


class Reader:
    """What a query needs: the actor, the tenant's time, and one round trip per `fetch`."""

    def __init__(self, conn: AsyncConnection[Row], actor: Actor, clock: Clock, meter: Meter) -> None:
        self.actor = actor
        self._conn = conn
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
        async with self._conn.pipeline():
            entered = await self._send_enter(None)
            for query in queries:
                cursors.append(await self._send(query.sql, query.params))
        self._meter.round_trips += 1
        await self._stand(entered)
        return [query.read(await cursor.fetchall()) for query, cursor in zip(queries, cursors, strict=True)]

    async def _send(self, sql: str, params: Any) -> AsyncCursor[Row]:
        self._meter.statements += 1
        cursor = self._conn.cursor(binary=True)
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
            async with self._conn.pipeline():
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
        raise _Replay(standing.stored_answer)

    async def _finish(self, answer: bytes | None, dry_run: bool) -> None:
        """Send what is left, the record of it all, and COMMIT (or, for a dry run, ROLLBACK) in one round trip."""
        if self._standing is None:
            await self._exchange(())
        writes, self._queue = self._queue, []
        self._remember_refusals(writes)
        async with self._conn.pipeline():
            for write in writes:
                await self._send(write.sql, write.params)
            if self._events or self._jobs or answer is not None:
                await self._send(_RECORD, self._record(answer))
            ended = await self._send("ROLLBACK" if dry_run else "COMMIT", None)
        self._meter.round_trips += 1
        if not dry_run and ended.statusmessage != "COMMIT":
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
        jobs = [job.as_json() for job in self._jobs]
        once = (self._once.operation, self._once.key, self._once.fingerprint) if self._once else (None,) * 3
        idempotency = (*once, answer) if answer is not None else (None,) * 4
        operation, key, fingerprint, kept = idempotency
        return (
            Jsonb(events),
            Jsonb(by),
            Jsonb(jobs),
            Jsonb({"operation": operation, "key": key}) if key is not None else None,
            fingerprint,
            kept,
        )

    def refusal_for(self, error: psycopg.Error) -> Fault | None:
        """The room's own refusal for a broken constraint, by its name."""
        name = error.diag.constraint_name
        refuse = self._refusals.get(name) if name else None
        return refuse() if refuse else None


class _Replay(Exception):
    """The same key was answered before: leave the use case and give that answer."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer


UseCase = Callable[[Unit, Actor, C], Awaitable[T]]
ReadCase = Callable[[Reader, Actor, C], Awaitable[T]]


@dataclass(slots=True)
class Engine:
    """The pool, the clock and the triggers: what it takes to carry out a use case."""

    pool: Pool
    clock: Clock = field(default_factory=SystemClock)
    triggers: Triggers = field(default_factory=dict)
    observe: Callable[[Meter], None] | None = None
    _keys: WeakValueDictionary[tuple[Any, ...], asyncio.Lock] = field(default_factory=WeakValueDictionary)

    async def perform(
        self,
        actor: Actor,
        use_case: UseCase[C, T],
        command: C,
        *,
        once: Once[T] | None = None,
        dry_run: bool = False,
    ) -> Outcome[T]:
        """Carry out a use case in one transaction; a dry run is the same and a roll-back.

        Refusals (`Fault`) leave nothing behind. A deadlock or a connection that was already dead is tried again: a
        use case holds no state of its own.
        """
        if once is None:
            return await self._attempts(actor, use_case, command, None, dry_run)
        lock = self._keys.setdefault(
            (actor.tenant_id, actor.principal, once.operation, once.key), asyncio.Lock()
        )
        async with lock:  # twins wait here, not on a connection that a bystander needs
            return await self._attempts(actor, use_case, command, once, dry_run)

    async def read(self, actor: Actor, use_case: ReadCase[C, T], command: C) -> T:
        """Carry out a read: no transaction, one round trip per fetch."""
        meter = Meter(_name(use_case))
        for attempt in range(1, ATTEMPTS + 1):
            try:
                async with self._connection(meter) as conn:
                    return await use_case(Reader(conn, actor, self.clock, meter), actor, command)
            except psycopg.OperationalError as error:
                if isinstance(error, psycopg.errors.QueryCanceled | psycopg.errors.LockNotAvailable):
                    raise Busy from error
                if attempt == ATTEMPTS:
                    raise DatabaseUnavailable from error
        raise AssertionError("unreachable")

    async def look_up(self, query: Query[T]) -> T:
        """Run a query outside any tenant: credentials, before it is known whose they are.

        Row-level security shows such a query nothing; it calls a SECURITY DEFINER function that returns one row.
        """
        meter = Meter("look_up")
        for attempt in range(1, ATTEMPTS + 1):
            try:
                async with self._connection(meter) as conn:
                    cursor = conn.cursor(binary=True)
                    await cursor.execute(query.sql, query.params, prepare=True)
                    return query.read(await cursor.fetchall())
            except psycopg.OperationalError as error:
                if attempt == ATTEMPTS:
                    raise DatabaseUnavailable from error
        raise AssertionError("unreachable")

    async def _attempts(
        self, actor: Actor, use_case: UseCase[C, T], command: C, once: Once[T] | None, dry_run: bool
    ) -> Outcome[T]:
        meter = Meter(_name(use_case))
        for attempt in range(1, ATTEMPTS + 1):
            try:
                async with self._connection(meter) as conn:
                    unit = Unit(conn, actor, self.clock, meter, self.triggers, once)
                    return await self._carry_out(unit, use_case, command, once, dry_run)
            except (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure) as error:
                if attempt == ATTEMPTS:
                    raise Busy from error
            except (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled) as error:
                raise Busy from error
            except psycopg.OperationalError as error:
                if attempt == ATTEMPTS:
                    raise DatabaseUnavailable from error
        raise AssertionError("unreachable")

    async def _carry_out(
        self, unit: Unit, use_case: UseCase[C, T], command: C, once: Once[T] | None, dry_run: bool
    ) -> Outcome[T]:
        finishing = False
        try:
            value = await use_case(unit, unit.actor, command)
            answer = once.remember(value) if once and not dry_run else None
            finishing = True
            await unit._finish(answer, dry_run)  # noqa: SLF001 - the engine drives its unit
        except _Replay as replay:
            await _roll_back(unit._conn)  # noqa: SLF001
            return Outcome(None, replay.answer, replayed=True)
        except BaseException as error:
            await _roll_back(unit._conn)  # noqa: SLF001
            if isinstance(error, psycopg.Error):
                refusal = unit.refusal_for(error)
                if refusal is not None:
                    raise refusal from error
                if finishing and unit._conn.broken:  # noqa: SLF001
                    raise CommitUnconfirmed from error
            raise
        return Outcome(value, answer)

    @asynccontextmanager
    async def _connection(self, meter: Meter) -> AsyncIterator[AsyncConnection[Row]]:
        started = time.perf_counter()
        try:
            async with self.pool.connection() as conn:
                yield conn
        except PoolTimeout as error:
            raise DatabaseUnavailable from error
        finally:
            meter.seconds += time.perf_counter() - started
            if self.observe is not None:
                self.observe(replace(meter))


async def _roll_back(conn: AsyncConnection[Row]) -> None:
    if not conn.broken and not conn.closed:
        try:
            await conn.execute("ROLLBACK")
        except psycopg.Error:
            await conn.close()


def _name(use_case: Callable[..., Any]) -> str:
    return f"{use_case.__module__}.{use_case.__name__}" if hasattr(use_case, "__name__") else "partial"


def refusals(**by_constraint: Callable[[], Fault]) -> Refusals:
    """`refusals(orders_number_key=NumberTaken)`: which broken constraint means which refusal."""
    return by_constraint
