"""What a person decides about a line that waits for one: try it again, call it done, or call it refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chandlery.engine.unit_of_work import Unit
from chandlery.fulfilment import attempts, turns
from chandlery.fulfilment.errors import ProvisioningUnknown
from chandlery.fulfilment.port import Done, Refused
from chandlery.fulfilment.provisioning import MAX_REFERENCE, Provisioning, can_be_kept
from chandlery.identity import permissions
from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import Invalid, Problem
from chandlery.kernel.ids import LineId, OrderId
from chandlery.kernel.text import is_one_line
from chandlery.ordering import progress
from chandlery.ordering.order import Order
from chandlery.ordering.progress import LineProgress
from chandlery.ordering.status import LineStatus
from chandlery.processes import fulfil_order
from chandlery.processes.line_outcomes import progress_of, settle

MAX_NOTE = 2000
MAX_GROUND = 500


class DecisionIncomplete(Invalid):
    """A decision needs its ground: the vendor's reference for what is done, a reason for what is refused."""


@dataclass(frozen=True, slots=True)
class RetryLine:
    order_id: OrderId
    line_id: LineId


@dataclass(frozen=True, slots=True)
class MarkLineDone:
    """The vendor has done it, under this name, and did not manage to say so."""

    order_id: OrderId
    line_id: LineId
    vendor_reference: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True, slots=True)
class RefuseLine:
    order_id: OrderId
    line_id: LineId
    reason: str
    note: str = ""


async def retry_line(unit: Unit, actor: Actor, command: RetryLine) -> Order:
    """Send it again from the beginning; where it may have been done already, ask the vendor first."""
    actor.require(permissions.FULFILMENT_OPERATE)
    order, found = await _load(unit, command.order_id, command.line_id)
    again = await attempts.save(unit, actor, found.reopened(unit.now))
    unit.defer(fulfil_order.job(order.id))
    return progress.advance(unit, actor, order, (progress_of(again),))


async def mark_line_done(unit: Unit, actor: Actor, command: MarkLineDone) -> Order:
    """Record that the vendor has done it; the subscription follows as if the vendor had said so."""
    actor.require(permissions.FULFILMENT_OPERATE)
    problems = _problems("vendor_reference", command.vendor_reference, MAX_REFERENCE, command.note)
    if not can_be_kept(command.facts):
        problems.append(Problem("facts", "Keep the facts to 16 KiB of JSON without NUL."))
    if problems:
        raise DecisionIncomplete(*problems)
    order, found = await _load(unit, command.order_id, command.line_id)
    done = await attempts.save(
        unit, actor, found.decided(Done(command.vendor_reference, command.facts), command.note)
    )
    made = await settle(unit, order, order.line(command.line_id), done)
    return progress.advance(unit, actor, order, (*_restarted(order, done), progress_of(done, made)))


async def refuse_line(unit: Unit, actor: Actor, command: RefuseLine) -> Order:
    """Record that it will not be done; the order can then be cancelled."""
    actor.require(permissions.FULFILMENT_OPERATE)
    problems = _problems("reason", command.reason, MAX_GROUND, command.note)
    if problems:
        raise DecisionIncomplete(*problems)
    order, found = await _load(unit, command.order_id, command.line_id)
    refused = await attempts.save(unit, actor, found.decided(Refused(command.reason), command.note))
    return progress.advance(unit, actor, order, (*_restarted(order, refused), progress_of(refused)))


async def _load(unit: Unit, order_id: OrderId, line_id: LineId) -> tuple[Order, Provisioning]:
    _, order, known = await unit.fetch(*progress.to_advance(order_id), attempts.of_order(order_id))
    if line_id not in known:
        raise ProvisioningUnknown(given=str(line_id))
    turns.forget(unit, known[line_id].id)
    return order, known[line_id]


def _problems(name: str, ground: str, longest: int, note: str) -> list[Problem]:
    problems = []
    if not (1 <= len(ground) <= longest and ground.strip() and is_one_line(ground)):
        problems.append(Problem(name, DecisionIncomplete.message()))
    if len(note) > MAX_NOTE or "\x00" in note:
        problems.append(Problem("note", f"Keep the note to {MAX_NOTE} characters, without NUL."))
    return problems


def _restarted(order: Order, found: Provisioning) -> tuple[LineProgress, ...]:
    """A line that was refused or has failed is under way again before it can end differently."""
    if order.line(found.line_id).status not in (LineStatus.REFUSED, LineStatus.FAILED):
        return ()
    return (LineProgress(order.id, found.line_id, LineStatus.IN_PROGRESS, "Decided by a person."),)
