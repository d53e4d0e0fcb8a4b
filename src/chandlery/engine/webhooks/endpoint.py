"""An endpoint: where an organisation wants to be told, and what of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NewType
from uuid import UUID

from chandlery.kernel.ids import OrganizationId

EndpointId = NewType("EndpointId", UUID)

DisabledReason = Literal["asked", "gone", "failing"]
"""`asked`: by somebody; `gone`: the endpoint answered 410; `failing`: nothing got through for days."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`failing_since` is the first failed attempt after the last one that got through, if any."""

    id: EndpointId
    organization_id: OrganizationId
    url: str
    description: str
    events: tuple[str, ...]
    enabled: bool
    disabled_reason: DisabledReason | None
    failing_since: datetime | None
    previous_secret_until: datetime | None
    created_at: datetime
    version: int


@dataclass(frozen=True, slots=True)
class NewSecret:
    """An endpoint with its new secret, which is shown this once and never again."""

    endpoint: Endpoint
    secret: str
