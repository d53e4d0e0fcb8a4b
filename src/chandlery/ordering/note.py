"""The noun: what somebody wrote down beside an order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from chandlery.kernel.ids import LineId, NoteId, OrderId, OrganizationId

Visibility: TypeAlias = Literal["internal", "public"]


@dataclass(frozen=True, slots=True)
class Note:
    """`author` is a principal (`user:<id>`), acting for `organization_id`."""

    id: NoteId
    order_id: OrderId
    line_id: LineId | None
    organization_id: OrganizationId
    author: str
    visibility: Visibility
    text: str
    created_at: datetime
