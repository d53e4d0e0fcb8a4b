"""Turning events into deliveries, and carrying those out.

`Dispatcher.sweep` runs again and again in every worker. It reads the event stream of each tenant that has endpoints,
stores one delivery per event and endpoint, and then starts one task per endpoint that has something due. A task leases
its endpoint, sends the first waiting event of each subject, side by side, and writes down how it went. The calls
happen outside of any transaction and outside the job queue, so that a slow receiver holds up neither.

A lease outlives the longest call. Should its holder die, another takes over, and what was on its way is sent twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from random import SystemRandom
from typing import Any
from uuid import UUID

import msgspec
import structlog

from chandlery.engine.errors import Busy
from chandlery.engine.outbound import Outbound
from chandlery.engine.signatures import Sealer, sign
from chandlery.engine.unit import Unit
from chandlery.engine.unit_of_work import Engine
from chandlery.engine.webhooks._store import deliveries as lanes
from chandlery.engine.webhooks._store import dispatch as _store
from chandlery.engine.webhooks.delivery import (
    GIVE_UP_AFTER,
    GIVE_UP_FAILURES,
    MOST_RESPONSE_CHARACTERS,
    Attempt,
    next_attempt,
    readable,
)
from chandlery.engine.webhooks.events import WEBHOOK_DISABLED
from chandlery.kernel.actor import Actor, system
from chandlery.kernel.errors import Fault
from chandlery.kernel.events import Event
from chandlery.kernel.ids import TenantId, new_id

log = structlog.get_logger(__name__)

CALL_SECONDS = 15.0
LEASE = timedelta(seconds=60)
EVENTS_AT_ONCE = 1000
CALLS_AT_ONCE = 20
"""To one endpoint, each of another subject."""
ENDPOINTS_AT_ONCE = 32
ROUNDS_IN_A_TURN = 10
KEPT = timedelta(days=30)
_PURGE_BITE = 1000
_CHANCE = SystemRandom().random


@dataclass(frozen=True, slots=True)
class _Turn:
    """A leased endpoint and what is due there."""

    id: UUID
    endpoint_id: UUID
    target: _store.Target
    due: Sequence[_store.Due]


@dataclass(frozen=True, slots=True)
class _Outcome:
    due: _store.Due
    attempt: Attempt


class Dispatcher:
    """One per worker process. `chance` spreads the retries; a test gives a constant."""

    def __init__(self, outbound: Outbound, sealer: Sealer, chance: Callable[[], float] = _CHANCE) -> None:
        self._outbound = outbound
        self._sealer = sealer
        self._chance = chance
        self._running: dict[UUID, asyncio.Task[None]] = {}

    async def sweep(self, engine: Engine, tenant_id: TenantId | None = None) -> None:
        """Queue what has happened and start what is due, of all tenants or of one; does not wait for the calls."""
        for behind in await engine.look_up(_store.tenants_behind(tenant_id)):
            await self._queue_events(engine, behind)
        for owner, endpoint_id in await engine.look_up(_store.endpoints_due(engine.clock.now(), tenant_id)):
            if len(self._running) >= ENDPOINTS_AT_ONCE:
                return
            if endpoint_id not in self._running:
                task = asyncio.create_task(self.deliver(engine, owner, endpoint_id))
                self._running[endpoint_id] = task
                task.add_done_callback(partial(self._finished, endpoint_id))

    async def drain(self, engine: Engine, tenant_id: TenantId | None = None) -> None:
        """Sweep until nothing is due, and wait for all calls; for tests and for a demo in one process."""
        await self.sweep(engine, tenant_id)
        while self._running:
            await asyncio.gather(*self._running.values())
            await self.sweep(engine, tenant_id)

    async def close(self) -> None:
        """Break off what is on its way; it will be sent again."""
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def deliver(self, engine: Engine, tenant_id: TenantId, endpoint_id: UUID) -> None:
        """Send what is due to one endpoint, unless somebody else is at it."""
        actor = system(tenant_id, "webhooks")
        for _ in range(ROUNDS_IN_A_TURN):
            now = engine.clock.now()
            taken = await engine.perform(actor, _take, _Lease(new_id(), endpoint_id, now))
            turn = taken.value
            if turn is None or not turn.due:
                return
            keys = [self._sealer.open(sealed) for sealed in turn.target.sealed]
            outcomes = await asyncio.gather(
                *(self._attempt(engine, turn.target.url, keys, due) for due in turn.due)
            )
            await engine.perform(actor, self._record, (turn, outcomes, engine.clock.now()))

    async def _queue_events(self, engine: Engine, tenant_id: TenantId) -> None:
        actor = system(tenant_id, "webhooks")
        try:
            while not (await engine.perform(actor, _fan_out, engine.clock.now())).result:
                pass
        except Busy:  # somebody holds an endpoint; the other tenants do not wait for that
            log.warning("webhook_events_wait", tenant_id=str(tenant_id))

    async def _attempt(self, engine: Engine, url: str, keys: Sequence[bytes], due: _store.Due) -> _Outcome:
        body = msgspec.json.encode(due.event.payload())
        at = engine.clock.now()
        headers = {
            "content-type": "application/json",
            **sign(keys, str(due.event.id), at, body),
        }
        clock = asyncio.get_running_loop().time
        started = clock()
        status = text = error = None
        try:
            answer = await self._outbound.send(
                "POST", url, headers, body, CALL_SECONDS, cut_at=4 * MOST_RESPONSE_CHARACTERS
            )
            status, text = answer.status, readable(answer.body)
        except Fault as fault:
            error = ": ".join(filter(None, (fault.code(), fault.facts.get("reason"))))
        duration_ms = int((clock() - started) * 1000)
        return _Outcome(due, Attempt(at, duration_ms, status, text, error))

    async def _record(
        self, unit: Unit, _actor: Actor, done: tuple[_Turn, Sequence[_Outcome], datetime]
    ) -> None:
        """Write down a turn, unless the lease has passed to somebody else."""
        turn, outcomes, now = done
        standing = await unit.fetch(_store.standing(turn.endpoint_id, turn.id))
        if standing is None:
            return
        verdict = _judge(standing, [outcome.attempt for outcome in outcomes])
        disabled = verdict.disable is not None and standing.enabled
        subjects = None if disabled else [outcome.due.event.subject_id for outcome in outcomes]
        unit.write(
            _store.record(turn.endpoint_id, [self._result(outcome, now) for outcome in outcomes]),
            _store.release(turn.endpoint_id, now, verdict),
            lanes.settle([turn.endpoint_id], subjects, now),
        )
        if disabled:
            data = {"reason": verdict.disable}
            unit.emit(Event(WEBHOOK_DISABLED, turn.endpoint_id, standing.organization_id, data))

    def _result(self, outcome: _Outcome, now: datetime) -> dict[str, Any]:
        attempt, attempts = outcome.attempt, outcome.due.attempts + 1
        again = None
        if not attempt.succeeded and not attempt.is_gone:
            again = next_attempt(attempts, now, self._chance())
        status = "delivered" if attempt.succeeded else "failed" if again is None else "pending"
        return {
            "event_id": outcome.due.event.id,
            "status": status,
            "attempts": attempts,
            "next_attempt_at": again,
            "last_attempt_at": attempt.at,
            "duration_ms": attempt.duration_ms,
            "response_status": attempt.response_status,
            "response_body": attempt.response_body,
            "error": attempt.error,
        }

    def _finished(self, endpoint_id: UUID, task: asyncio.Task[None]) -> None:
        del self._running[endpoint_id]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("webhook_turn_failed", endpoint_id=str(endpoint_id), error=repr(error))


async def purge_deliveries(engine: Engine) -> None:
    """Forget deliveries that were through or given up a month ago, a bite at a time."""
    before = engine.clock.now() - KEPT
    while await engine.look_up(_store.purge(before, _PURGE_BITE)):
        pass


@dataclass(frozen=True, slots=True)
class _Lease:
    turn_id: UUID
    endpoint_id: UUID
    now: datetime


async def _fan_out(unit: Unit, _actor: Actor, now: datetime) -> bool:
    """Store the deliveries of the next events of a tenant; whether those were all.

    Their foreign key holds each endpoint that gets one until the end of this unit. So a turn that ends meanwhile either
    waits and sees them, or was waited for before the lanes are settled: none is left behind in a lane without a first.
    """
    _, (is_end, found) = await unit.fetch(_store.lock_cursor(), _store.fan_out(EVENTS_AT_ONCE, now))
    if found:
        endpoints, subjects = {lane[0] for lane in found}, {lane[1] for lane in found}
        unit.write(lanes.settle(sorted(endpoints), sorted(subjects), now))
    return is_end


async def _take(unit: Unit, _actor: Actor, lease: _Lease) -> _Turn | None:
    target, due = await unit.fetch(
        _store.lease(lease.endpoint_id, lease.turn_id, lease.now, lease.now + LEASE),
        _store.take_due(lease.endpoint_id, lease.now, CALLS_AT_ONCE),
    )
    if target is None:
        return None
    if not due:
        unit.write(_store.give_back(lease.endpoint_id, lease.now))
    return _Turn(lease.turn_id, lease.endpoint_id, target, due)


def _judge(standing: _store.Standing, attempts: Sequence[Attempt]) -> _store.Verdict:
    """What the attempts of a turn say about their endpoint."""
    gone = any(attempt.is_gone for attempt in attempts)
    if any(attempt.succeeded for attempt in attempts):
        return _store.Verdict(0, None, "gone" if gone else None)
    failures = standing.failures + len(attempts)
    since = standing.failing_since or min(attempt.at for attempt in attempts)
    for_days = max(attempt.at for attempt in attempts) - since >= GIVE_UP_AFTER
    failing = for_days and failures >= GIVE_UP_FAILURES
    return _store.Verdict(failures, since, "gone" if gone else "failing" if failing else None)
