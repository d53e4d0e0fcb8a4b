"""The nouns: a batch, an operation in it, and the answer to that."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NewType
from uuid import UUID

import msgspec

from chandlery.kernel.actor import Actor
from chandlery.kernel.ids import OrganizationId

BatchId = NewType("BatchId", UUID)
ItemId = NewType("ItemId", UUID)

MOST_OPERATIONS = 2000
FAILURE = 400
"""From this status on an answer is a refusal."""


@dataclass(frozen=True, slots=True)
class Operation:
    """A request, as it would come over the wire; `key` lets it happen once."""

    method: str
    path: str
    body: bytes | None
    key: str | None = None
    if_match: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the request was answered; `replayed` when it had been carried out before."""

    status: int
    body: bytes
    location: str | None = None
    etag: str | None = None
    replayed: bool = False

    @property
    def is_failure(self) -> bool:
        return self.status >= FAILURE


@dataclass(frozen=True, slots=True)
class Item:
    """One operation of a batch, in its place."""

    id: ItemId
    position: int
    operation: Operation


@dataclass(frozen=True, slots=True)
class Result:
    """One operation that is done; what it said is no longer kept, what was answered is."""

    id: ItemId
    position: int
    method: str
    path: str
    answer: Answer


@dataclass(frozen=True, slots=True)
class Batch:
    """How far it is: `done` of `total`, and how many of those were refused."""

    id: BatchId
    organization_id: OrganizationId
    status: Literal["running", "completed"]
    total: int
    done: int
    failed: int
    created_at: datetime
    completed_at: datetime | None


def remembered(actor: Actor) -> dict[str, Any]:
    """Who asked, with session and rights: whoever carries it out does so as them, and as long as those stand."""
    facts: dict[str, Any] = msgspec.to_builtins(actor)
    return {**facts, "permissions": sorted(actor.permissions)}


def recalled(facts: Any) -> Actor:
    return msgspec.convert(facts, Actor)
