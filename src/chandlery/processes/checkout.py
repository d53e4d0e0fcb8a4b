"""Checking out: what every surface calls to place an order, or, as a dry run, to preview it.

Placing is ordering's affair, credit is billing's; here they are one transaction. An order that needs an approval is
held against its limits when it is approved: until then it takes nothing of them, though one that is refused anyway is
refused at once.
"""

from __future__ import annotations

from chandlery.billing import credit
from chandlery.billing.credit import ClaimCredit, TakeCredit
from chandlery.billing.limit import Claim
from chandlery.engine.unit_of_work import Unit
from chandlery.kernel.actor import Actor
from chandlery.ordering.approval import Step, payment_step
from chandlery.ordering.checkout import Submit, place, prepare
from chandlery.ordering.order import Order
from chandlery.ordering.status import OrderStatus

__all__ = ["Submit", "checkout", "holds_of"]


async def checkout(unit: Unit, actor: Actor, command: Submit) -> Order:
    placing = await prepare(unit, actor, command)
    if not placing.limited:
        return place(unit, actor, placing)
    claims = await credit.claim(unit, actor, ClaimCredit(command.order_id))
    placed = place(unit, actor, placing, holds_of(claims))
    if placed.status is OrderStatus.SUBMITTED:
        await credit.take(unit, actor, TakeCredit(command.order_id))
    return placed


def holds_of(claims: list[Claim]) -> list[Step]:
    """A limit that an order goes beyond holds it until its issuer is paid or lets it pass."""
    return [payment_step(claim.limit_id, claim.issuer_id, claim.recipient_id) for claim in claims]
