"""What happened, in the past tense: the noun that the audit trail, histories, webhooks and stories all read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from chandlery.kernel.ids import OrganizationId


@dataclass(frozen=True, slots=True)
class Event:
    """One fact: `type` is `noun.past_verb` (`order.submitted`), `subject_id` whose history it belongs to.

    `owner_id` is the organisation that the subject belongs to: it decides who may read the event. `data` holds JSON
    values only, names ids and figures that every reader of the subject may see, and never a secret.
    """

    type: str
    subject_id: UUID
    owner_id: OrganizationId
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def subject(self) -> str:
        """The kind of thing it happened to: `order` of `order.submitted`."""
        return self.type.partition(".")[0]
