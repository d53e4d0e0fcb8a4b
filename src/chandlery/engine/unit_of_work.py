"""The one road to a write, and the short road to a read.

    perform   begin - enter - (replay?) - use case - writes, events, audit, jobs, answer - commit | roll back
    read      enter - queries, in one round trip

An error in a pipeline surfaces at the next fetch or at its end, and COMMIT after a swallowed error answers ROLLBACK
without raising. So the tag of COMMIT is checked, and whatever was not committed is rolled back.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar, cast
from weakref import WeakValueDictionary

import psycopg
from psycopg import AsyncConnection
from psycopg_pool import PoolTimeout

from chandlery.engine.database import Pool
from chandlery.engine.errors import Busy, CommitUnconfirmed, DatabaseUnavailable
from chandlery.engine.jobs import Triggers
from chandlery.engine.statements import Query, Row
from chandlery.engine.unit import Meter, Once, Reader, Replay, Unit, database_error, roll_back
from chandlery.kernel.actor import Actor
from chandlery.kernel.clock import Clock, SystemClock

__all__ = ["Engine", "Meter", "Once", "Outcome", "Reader", "Unit"]

C = TypeVar("C")
T = TypeVar("T")

ATTEMPTS = 4
_SAME_JOB_QUEUED = "procrastinate_jobs_queueing_lock_idx_v1"


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """What a use case returned, or (`replayed`) the remembered answer of the first call under the same key."""

    value: T | None
    answer: bytes | None = None
    replayed: bool = False

    @property
    def result(self) -> T:
        """The value of a use case that was carried out, which may be None; a replay has an answer instead."""
        assert not self.replayed
        return cast(T, self.value)


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
                    try:
                        return await use_case(Reader(conn, actor, self.clock, meter), actor, command)
                    except psycopg.Error as error:
                        await roll_back(conn, error)
                        raise
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
            except psycopg.errors.UniqueViolation as error:
                if error.diag.constraint_name != _SAME_JOB_QUEUED or attempt == ATTEMPTS:
                    raise  # somebody queued the same job a moment ago: the next attempt will see it
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
            await unit.finish(answer, dry_run)
        except Replay as replay:
            await roll_back(unit.conn, None)
            return Outcome(None, replay.answer, replayed=True)
        except BaseException as error:
            await roll_back(unit.conn, database_error(error))
            if isinstance(error, psycopg.Error):
                refusal = unit.refusal_for(error)
                if refusal is not None:
                    raise refusal from error
                if finishing and unit.conn.broken:
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


def _name(use_case: Callable[..., Any]) -> str:
    return f"{use_case.__module__}.{use_case.__name__}" if hasattr(use_case, "__name__") else "partial"
