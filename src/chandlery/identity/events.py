"""What can happen to organisations, people, roles, clients and sessions, for the event catalogue."""

from __future__ import annotations

from dataclasses import dataclass

from chandlery.engine.event_stream.catalogue import EventType


@dataclass(frozen=True, slots=True)
class Nothing:
    """The event says it all."""


@dataclass(frozen=True, slots=True)
class Version:
    version: int


@dataclass(frozen=True, slots=True)
class OrganizationAdded:
    kind: str
    parent_id: str | None


@dataclass(frozen=True, slots=True)
class UserAdded:
    membership_id: str


@dataclass(frozen=True, slots=True)
class MembershipFacts:
    """`role` is the name of a built-in role, or the id of another."""

    user_id: str
    role: str


@dataclass(frozen=True, slots=True)
class RoleFacts:
    name: str
    permissions: list[str]


@dataclass(frozen=True, slots=True)
class RoleRemoved:
    name: str


@dataclass(frozen=True, slots=True)
class ClientFacts:
    name: str
    surface: str
    role: str
    grants: list[str]


@dataclass(frozen=True, slots=True)
class SecretRotated:
    overlap_seconds: int


@dataclass(frozen=True, slots=True)
class ChannelFacts:
    number: int
    name: str
    is_default: bool
    status: str


@dataclass(frozen=True, slots=True)
class TokenReused:
    user_id: str | None
    client_id: str


EVENT_TYPES = (
    EventType("organization.added", "An organisation was added.", OrganizationAdded),
    EventType("organization.changed", "An organisation was renamed or otherwise changed.", Version),
    EventType("organization.suspended", "An organisation was suspended: nobody acts for it.", Version),
    EventType("organization.reactivated", "A suspended organisation acts again.", Version),
    EventType("organization.closed", "An organisation was closed for good.", Version),
    EventType("user.added", "Somebody new was added.", UserAdded),
    EventType("user.changed", "Somebody was renamed.", Version),
    EventType("user.removed", "Somebody was removed altogether.", Nothing),
    EventType("user.password_changed", "Somebody chose a new password.", Nothing),
    EventType("membership.added", "Somebody was given a role in an organisation.", MembershipFacts),
    EventType("membership.changed", "A member was given another role.", MembershipFacts),
    EventType("membership.removed", "A membership ended.", MembershipFacts),
    EventType("role.added", "A role was defined.", RoleFacts),
    EventType("role.changed", "A role was renamed, or brings other permissions.", RoleFacts),
    EventType("role.removed", "A role was removed.", RoleRemoved),
    EventType("client.added", "An API client was added.", ClientFacts),
    EventType("client.changed", "An API client was changed.", ClientFacts),
    EventType("client.enabled", "A disabled API client is let in again.", ClientFacts),
    EventType("client.disabled", "An API client was disabled.", ClientFacts),
    EventType("client.removed", "An API client was removed for good.", ClientFacts),
    EventType("client.secret_rotated", "An API client got a new secret.", SecretRotated),
    EventType("channel.added", "A sales channel was added.", ChannelFacts),
    EventType("channel.changed", "A sales channel was changed, closed or opened again.", ChannelFacts),
    EventType(
        "session.refresh_token_reused",
        "A refresh token came a second time, so it was stolen: the session was ended.",
        TokenReused,
    ),
)
