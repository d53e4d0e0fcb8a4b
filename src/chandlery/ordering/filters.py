"""What a list of orders can be narrowed to; surfaces build their own filters from these fields."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from chandlery.kernel.ids import ChannelId, OrganizationId
from chandlery.ordering.status import OrderStatus


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """All that is given must hold; `status` is any of several, `created_until` is exclusive."""

    number: str | None = None
    status: tuple[OrderStatus, ...] = ()
    customer_id: OrganizationId | None = None
    seller_id: OrganizationId | None = None
    placed_by: OrganizationId | None = None
    channel_id: ChannelId | None = None
    """Orders that name it and, where it is its seller's default, those of that seller that name none."""
    po_number: str | None = None
    created_from: datetime | None = None
    created_until: datetime | None = None

    @property
    def names_an_index(self) -> bool:
        """Whether it asks for few enough rows by itself, whoever asks."""
        return any((self.number, self.po_number, self.customer_id, self.seller_id, self.channel_id))

    @property
    def can_match(self) -> bool:
        """Whether there can be such an order at all: no number has characters that no database takes."""
        return all(text is None or text.isprintable() for text in (self.number, self.po_number))
