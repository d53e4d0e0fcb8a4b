"""The same again: an order, in whatever state it is, as the pattern of a new draft."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from chandlery.catalog.offers import PlanRef
from chandlery.engine.unit_of_work import Unit
from chandlery.identity import permissions
from chandlery.kernel.actor import Actor
from chandlery.kernel.ids import OrderId
from chandlery.ordering._store.orders import order_query
from chandlery.ordering._store.terms import terms_of_order
from chandlery.ordering.drafts import DRAFT_LIFETIME, LineRequest, OpenDraft, open_draft
from chandlery.ordering.order import Order


@dataclass(frozen=True, slots=True)
class CopyOrder:
    """PO number and attributes name one purchase in somebody's books, so the copy has only those given here."""

    order_id: OrderId
    po_number: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    expires_after: timedelta | None = DRAFT_LIFETIME


async def copy_order(unit: Unit, actor: Actor, command: CopyOrder) -> Order:
    """The lines in their order, priced anew, with what custom fields the actor can set; lines that change stay behind.

    What cannot be had any more is refused, every line of it at once.
    """
    actor.require(permissions.ORDERS_WRITE)
    order, terms = await unit.fetch(order_query(command.order_id), terms_of_order(command.order_id))
    lines = [
        LineRequest(
            PlanRef(line.plan_id),
            line.quantity,
            line.characteristics,
            terms.fields.settable("line", line.custom_fields, unit.path),
        )
        for line in order.lines
        if line.action == "create"
    ]
    draft = OpenDraft(
        order.customer_id,
        order.currency,
        command.po_number,
        lines,
        command.attributes,
        command.expires_after,
        terms.fields.settable("order", order.custom_fields, unit.path),
    )
    return await open_draft(unit, actor, draft)
