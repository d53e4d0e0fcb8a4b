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
class Named:
    name: str


@dataclass(frozen=True, slots=True)
class GroupMember:
    user_id: str


@dataclass(frozen=True, slots=True)
class InvitationFacts:
    role: str
    expires_at: str


@dataclass(frozen=True, slots=True)
class PersonalTokenFacts:
    name: str
    surface: str
    user_id: str


@dataclass(frozen=True, slots=True)
class OpenIdFacts:
    issuer: str
    domains: list[str]
    is_active: bool


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
    EventType("user.erased", "What is held on somebody was erased; the books stay.", Nothing),
    EventType("user.password_reset_asked", "Somebody was written to, to choose a new password.", Nothing),
    EventType("user.second_factor_added", "Somebody signs in with a second factor from now on.", Nothing),
    EventType("user.second_factor_removed", "Somebody signs in without a second factor again.", Nothing),
    EventType("user.password_changed", "Somebody chose a new password.", Nothing),
    EventType("membership.added", "Somebody was given a role in an organisation.", MembershipFacts),
    EventType("membership.changed", "A member was given another role.", MembershipFacts),
    EventType("membership.removed", "A membership ended.", MembershipFacts),
    EventType("invitation.sent", "Somebody was invited, or reminded of it.", InvitationFacts),
    EventType("invitation.accepted", "Somebody who was invited has come.", MembershipFacts),
    EventType("invitation.revoked", "An invitation was taken back.", InvitationFacts),
    EventType("group.added", "A group of people was formed.", Named),
    EventType("group.changed", "A group of people was renamed or described anew.", Named),
    EventType("group.removed", "A group of people was dissolved.", Named),
    EventType("group.member_added", "Somebody was put into a group.", GroupMember),
    EventType("group.member_removed", "Somebody was taken out of a group.", GroupMember),
    EventType("personal_token.added", "Somebody made a personal token.", PersonalTokenFacts),
    EventType("personal_token.revoked", "A personal token was revoked.", PersonalTokenFacts),
    EventType("identity_provider.added", "An OpenID provider was set up.", OpenIdFacts),
    EventType("identity_provider.changed", "An OpenID provider was set up differently.", OpenIdFacts),
    EventType("identity_provider.removed", "An OpenID provider was removed.", OpenIdFacts),
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
    EventType(
        "session.authorization_code_reused",
        "An authorization code came a second time, so it was stolen: the session was ended.",
        TokenReused,
    ),
)
