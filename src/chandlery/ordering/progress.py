"""How far a line has come: recorded by the stories that fulfil orders, step by step."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from chandlery.engine.unit_of_work import Unit
from chandlery.identity import permissions
from chandlery.kernel.actor import Actor
from chandlery.kernel.ids import LineId, OrderId, SubscriptionId
from chandlery.ordering import events
from chandlery.ordering._store import orders as store
from chandlery.ordering.drafts import load_for_change
from chandlery.ordering.errors import LineNotReady
from chandlery.ordering.order import Order
from chandlery.ordering.status import LineStatus, WaitingFor

__all__ = ["LineProgress", "record"]

MAX_REASON = 1000


@dataclass(frozen=True, slots=True)
class LineProgress:
    """A line is now in `status`, because of `reason`; until `due` it is the turn of `waiting_for`."""

    order_id: OrderId
    line_id: LineId
    status: LineStatus
    reason: str | None = None
    waiting_for: WaitingFor | None = None
    due: datetime | None = None
    subscription_id: SubscriptionId | None = None


async def record(unit: Unit, actor: Actor, command: LineProgress) -> Order:
    """Move a line on, and the order with it. Recording the same again changes nothing, as a step may run twice."""
    actor.require(permissions.FULFILMENT_OPERATE)
    before = await load_for_change(unit, command.order_id)
    if command.status in (LineStatus.SUBMITTED, LineStatus.CANCELLED):
        raise LineNotReady(
            given=f"progress to {command.status}"
        )  # checking out and cancelling are other verbs
    was = before.line(command.line_id)
    line = was.become(
        command.status, _kept(command.reason), command.waiting_for, command.due, command.subscription_id
    )
    after = before.progressed(line, unit.now)
    if after is before:
        return before
    unit.write(store.save_order(after, (line,)))
    retrying = was.status is line.status is LineStatus.IN_PROGRESS
    if retrying or line.status is not was.status:
        unit.emit(events.of_progress(after, line, retrying))
    for event in events.of_status(before, after):
        unit.emit(event)
    return after


def _kept(reason: str | None) -> str | None:
    """Vendors answer what they like; what we keep is one line of printable text."""
    if reason is None:
        return None
    printable = "".join(character if character.isprintable() else " " for character in reason[:MAX_REASON])
    return printable.strip() or None
