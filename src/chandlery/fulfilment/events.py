"""What vendors tell us and how they are, for the event catalogue; what it means for a line is told by its order."""

from __future__ import annotations

from dataclasses import dataclass

from chandlery.engine.event_stream.catalogue import EventType

PROVIDER_ADDED = "provider.added"
PROVIDER_CHANGED = "provider.changed"
PROVIDER_SECRET_ROTATED = "provider.secret_rotated"  # noqa: S105 - the name of an event
PROVIDER_REMOVED = "provider.removed"
CIRCUIT_OPENED = "provider.circuit_opened"
CIRCUIT_PROBED = "provider.circuit_probed"
CIRCUIT_CLOSED = "provider.circuit_closed"


@dataclass(frozen=True, slots=True)
class Answered:
    """`status` is the vendor's word: done, refused or failed."""

    order_id: str
    line_id: str
    status: str


@dataclass(frozen=True, slots=True)
class ProviderNamed:
    """The URL is not told: there may be a secret in it."""

    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class SecretRotated:
    name: str
    previous_valid_until: str | None


@dataclass(frozen=True, slots=True)
class CircuitOpened:
    """`failures`: how many calls in a row went wrong."""

    name: str
    failures: int
    open_until: str


@dataclass(frozen=True, slots=True)
class CircuitMoved:
    name: str


EVENT_TYPES = (
    EventType("provisioning.answered", "A vendor answered for a line that it had accepted.", Answered),
    EventType(PROVIDER_ADDED, "A provider was set up.", ProviderNamed),
    EventType(PROVIDER_CHANGED, "A provider was set up differently.", ProviderNamed),
    EventType(PROVIDER_SECRET_ROTATED, "A provider got a new secret.", SecretRotated),
    EventType(PROVIDER_REMOVED, "A provider was removed.", ProviderNamed),
    EventType(
        CIRCUIT_OPENED,
        "Calls to a provider went wrong in a row; it is left alone for a while.",
        CircuitOpened,
    ),
    EventType(
        CIRCUIT_PROBED, "A provider that was left alone is called once, to see how it is.", CircuitMoved
    ),
    EventType(CIRCUIT_CLOSED, "A provider works again.", CircuitMoved),
)
