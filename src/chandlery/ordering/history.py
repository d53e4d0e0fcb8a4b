"""What happened to an order: who, when and what, as its events tell it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chandlery.kernel.ids import EventId, OrganizationId


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened, and who did it: `principal`, acting for `organization_id` through `surface`."""

    id: EventId
    at: datetime
    type: str
    principal: str
    organization_id: OrganizationId
    surface: str
    data: Mapping[str, Any]
