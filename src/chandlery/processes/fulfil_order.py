"""Fulfilling an order: each line is sent to its provider, and what the provider answers is made true here.

    advance   one transaction: take the last answer, record it, choose the next call and store that it is in flight
    call      outside of any transaction, within a time-out
    ... until nothing is left to call

So the transaction that ends one line begins the next, and a line costs one and a bit. The order's row is locked in
each; where the job is cut off, the rows say how far it came: a call found in flight is asked about, not sent again.
There is nothing to undo: what a vendor has done stays done, and a line that went wrong waits for a person.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import structlog

from chandlery.engine.jobs import Job
from chandlery.engine.tasks import Task
from chandlery.engine.unit_of_work import Engine, Unit
from chandlery.fulfilment import attempts
from chandlery.fulfilment.callbacks import outcome_of
from chandlery.fulfilment.port import Outcome, Request, Unknown
from chandlery.fulfilment.providers import Providers
from chandlery.fulfilment.provisioning import Begin, Provisioning, State, Step
from chandlery.fulfilment.retries import RetryPolicy
from chandlery.fulfilment.setup import ProviderSetup
from chandlery.fulfilment.turns import Turns
from chandlery.kernel.actor import Actor, system
from chandlery.kernel.ids import LineId, OrderId, ProvisioningId, TenantId
from chandlery.ordering import progress
from chandlery.ordering.line import Line
from chandlery.ordering.order import Order
from chandlery.ordering.progress import LineProgress
from chandlery.ordering.status import LineStatus, WaitingFor
from chandlery.processes.line_outcomes import progress_of, settle
from chandlery.subscriptions.queries import subscription_query

log = structlog.get_logger(__name__)

TASK = "fulfil_order"


def job(order_id: UUID | str, due: datetime | None = None) -> Job:
    """The job for an order: one runs at a time, and one more may wait."""
    return Job(TASK, {"order_id": str(order_id)}, lock=f"order:{order_id}", key=f"{TASK}:{order_id}", due=due)


def task(providers: Providers) -> Task:
    async def fulfil(engine: Engine, tenant_id: TenantId, args: Mapping[str, str]) -> None:
        await fulfil_order(engine, providers, tenant_id, OrderId(UUID(args["order_id"])))

    return fulfil


async def fulfil_order(engine: Engine, providers: Providers, tenant_id: TenantId, order_id: OrderId) -> None:
    """Take the order as far as it comes now; timers and callbacks bring the job back for the rest."""
    actor = system(tenant_id, TASK)
    reply: Reply | None = None
    while True:
        command = Advance(order_id, providers.policy, frozenset(providers.by_name), reply)
        step = await engine.perform(actor, advance, command)
        if step.value is None:
            return
        reply = await _make(providers, step.value)


@dataclass(frozen=True, slots=True)
class Call:
    """What to do next at a provider: send this request, or ask what became of it."""

    account: TenantId
    provisioning: Provisioning
    request: Request | None
    """None: only ask."""
    setup: ProviderSetup | None
    """None for a provider that is built in."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the provider said to which attempt; None: it was asked and has never seen it."""

    provisioning_id: ProvisioningId
    attempt: int
    outcome: Outcome | None
    asked: bool


@dataclass(frozen=True, slots=True)
class Advance:
    """`unlimited` names the providers that nobody has to ask for a turn: those that are built in."""

    order_id: OrderId
    policy: RetryPolicy
    unlimited: frozenset[str]
    reply: Reply | None = None


async def _make(providers: Providers, call: Call) -> Reply:
    found = call.provisioning
    outcome: Outcome | None
    at = providers if call.setup is None else providers.with_setup(call.setup)
    try:
        if call.request is not None:
            outcome = await at.send(found.provider, found.action, call.request)
        else:
            outcome = await at.ask(found.provider, call.account, found.reference)
    except Exception as error:  # edge: a provider is foreign code; its line waits, the others go on
        log.warning("provider_raised", provider=found.provider, line_id=found.reference, exc_info=error)
        outcome = Unknown(f"The call to the vendor broke off ({type(error).__name__}).")
    return Reply(found.id, found.attempts, outcome, asked=call.request is None)


async def advance(unit: Unit, actor: Actor, command: Advance) -> Call | None:
    """Take the reply, then find the next line that wants something; None when all wait or are finished."""
    _, order, known = await unit.fetch(
        *progress.to_advance(command.order_id), attempts.of_order(command.order_id)
    )
    turns = Turns(unit, order.id, command.unlimited)
    story = _Story(unit, actor, command.policy, order, known, turns)
    if command.reply is not None:
        await story.take(command.reply)
    call = await story.next_call()
    await story.save()
    return call


@dataclass(slots=True)
class _Story:
    """One transaction of the story: what was found, and what has changed so far."""

    unit: Unit
    actor: Actor
    policy: RetryPolicy
    order: Order
    known: dict[LineId, Provisioning]
    turns: Turns
    steps: dict[LineId, LineProgress] = field(default_factory=dict)
    changed: set[LineId] = field(default_factory=set)

    async def take(self, reply: Reply) -> None:
        """A reply to an attempt that is no longer the current one came too late and says nothing any more."""
        found = next((p for p in self.known.values() if p.id == reply.provisioning_id), None)
        if found is None or found.is_settled or found.attempts != reply.attempt:
            return
        await self.turns.leave(found, reply.outcome, asked=reply.asked)
        if found.answer is not None:
            return  # a callback came while the call was under way, and knows better
        policy = await self._policy(found.provider)
        if reply.outcome is None:
            await self._become(found, found.never_seen(self.unit.now, policy))
        else:
            await self._become(found, found.answered(reply.outcome, self.unit.now, policy))

    async def next_call(self) -> Call | None:
        for line in self.order.lines:
            if line.status in (LineStatus.DRAFT, LineStatus.COMPLETED, LineStatus.CANCELLED):
                continue
            call = await self._call_for(line)
            if call is not None:
                return call
        return None

    async def _call_for(self, line: Line) -> Call | None:
        found = self.known.get(line.id)
        if found is None:
            return await self._begin(line)
        if found.is_settled:
            return None
        found = await self._called_in(found)
        step = found.next_step(self.unit.now)
        if step is Step.READ_ANSWER and found.answer is not None:
            outcome = outcome_of(found.answer)
            found = await self._become(found, found.answered(outcome, self.unit.now, self.policy))
            step = found.next_step(self.unit.now)
        if step not in (Step.SEND, Step.ASK):
            return None
        verdict = await self.turns.enter(found.provider, found.id)
        if verdict is not None and verdict.due is not None:
            await self._become(found, found.put_back(verdict.due, verdict.reason))
            return None
        setup = None if verdict is None else verdict.turnstile.setup
        if step is Step.ASK:
            return Call(self.actor.tenant_id, found, None, setup)
        return await self._send_again(line, found, setup)

    async def _called_in(self, found: Provisioning) -> Provisioning:
        """A line that waits for its turn may have been called before the moment at which it was to come back."""
        turnstile = await self.turns.at(found.provider)
        if turnstile is None or not turnstile.waits(found.id, self.unit.now):
            return found
        return found.called(self.unit.now) if turnstile.has_room(self.unit.now) else found

    async def save(self) -> None:
        for line_id in self.changed:
            changed = self.known[line_id]
            await attempts.save(self.unit, self.actor, changed)
            if changed.next_at is not None:
                self.unit.defer(job(self.order.id, changed.next_at))
        for called in self.turns.save():
            self.unit.defer(job(called))
        progress.advance(self.unit, self.actor, self.order, tuple(self.steps.values()))

    async def _policy(self, provider: str) -> RetryPolicy:
        turnstile = await self.turns.at(provider)
        return self.policy if turnstile is None else turnstile.setup.policy(self.policy)

    async def _begin(self, line: Line) -> Call | None:
        begin = Begin(self.order.id, line.id, self.order.customer_id, line.provider, line.action)
        verdict = await self.turns.enter(line.provider, ProvisioningId(line.id))
        if verdict is not None and verdict.due is not None:
            waits = await attempts.wait_for_turn(self.unit, self.actor, begin, verdict.due, verdict.reason)
            self.unit.defer(job(self.order.id, verdict.due))
            self.steps[line.id] = progress_of(waits)
            return None
        begun = await attempts.begin(self.unit, self.actor, begin)
        self.steps[line.id] = LineProgress(
            self.order.id, line.id, LineStatus.IN_PROGRESS, waiting_for=WaitingFor.WORKER
        )
        setup = None if verdict is None else verdict.turnstile.setup
        return Call(self.actor.tenant_id, begun, await self._request(line, begun), setup)

    async def _send_again(self, line: Line, found: Provisioning, setup: ProviderSetup | None) -> Call:
        sent = found.sent(self.unit.now)
        self.known[line.id] = sent
        self.changed.add(line.id)
        if line.status is not LineStatus.IN_PROGRESS:  # else its history says already that it is tried again
            self.steps[line.id] = LineProgress(
                self.order.id, line.id, LineStatus.IN_PROGRESS, found.reason, WaitingFor.WORKER
            )
        return Call(self.actor.tenant_id, sent, await self._request(line, sent), setup)

    async def _become(self, before: Provisioning, after: Provisioning) -> Provisioning:
        if after != before:
            self.known[after.line_id] = after
            self.changed.add(after.line_id)
            line = self.order.line(after.line_id)
            made = await settle(self.unit, self.order, line, after) if after.state is State.DONE else None
            self.steps[line.id] = progress_of(after, made)
        return after

    async def _request(self, line: Line, sent: Provisioning) -> Request:
        changes = line.subscription_id if line.action == "change" else None
        vendor_reference = None
        if changes is not None:
            vendor_reference = (await self.unit.fetch(subscription_query(changes))).vendor_reference
        return Request(
            reference=sent.reference,
            account=self.actor.tenant_id,
            customer_id=self.order.customer_id,
            plan_code=line.plan_code,
            sku_code=line.sku_code,
            quantity=line.quantity,
            characteristics=line.characteristics,
            vendor_reference=vendor_reference,
        )
