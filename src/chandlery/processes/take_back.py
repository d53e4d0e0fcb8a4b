"""Receiving a return: the line counts its pieces as returned, the shelf has them again, the asset has them no more."""

from __future__ import annotations

from chandlery.engine.unit_of_work import Unit
from chandlery.kernel.actor import Actor, system
from chandlery.ordering.return_request import Return
from chandlery.ordering.returns import ReceiveReturn, receive_return
from chandlery.subscriptions.assets import TakeBack, take_back

__all__ = ["ReceiveReturn", "receive"]


async def receive(unit: Unit, actor: Actor, command: ReceiveReturn) -> Return:
    """What every surface calls when pieces have come back."""
    received, _ = await receive_return(unit, actor, command)
    pieces = [
        TakeBack(
            line_id,
            count,
            tuple(s for item in received.items if item.line_id == line_id for s in item.serial_numbers),
        )
        for line_id, count in received.pieces.items()
    ]
    await take_back(unit, system(actor.tenant_id, "take_back"), pieces)
    return received
