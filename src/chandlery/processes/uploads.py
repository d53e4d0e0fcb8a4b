"""Uploading a file about an order: whose it then is follows from the order."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from chandlery.billing.document import Document, File
from chandlery.billing.documents import KeepDocument, upload_document
from chandlery.engine.unit_of_work import Unit
from chandlery.identity import permissions
from chandlery.kernel.actor import Actor
from chandlery.kernel.ids import OrderId
from chandlery.ordering.queries import get_order


@dataclass(frozen=True, slots=True)
class Upload:
    """About an order, else about the actor's own organisation."""

    file: File
    order_id: UUID | None = None


async def upload(unit: Unit, actor: Actor, command: Upload) -> Document:
    """The customer of the order, and everybody above it, sees the file."""
    actor.require(permissions.DOCUMENTS_WRITE)
    if command.order_id is None:
        own = actor.organization_id
        return await upload_document(unit, actor, KeepDocument(own, command.file, "organization", own))
    order = await get_order(unit, actor, OrderId(command.order_id))
    return await upload_document(
        unit, actor, KeepDocument(order.customer_id, command.file, "order", order.id)
    )
