"""The nouns of signing in: what somebody shows at the gate, and what they get."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from chandlery.identity.client import TokenLifetimes
from chandlery.kernel.actor import Actor
from chandlery.kernel.ids import ClientId, OrganizationId, TenantId, UserId


@dataclass(frozen=True, slots=True)
class KnownClient:
    """A client that has shown who it is; `proof` is the MAC of the secret it showed (hex), None for a public one."""

    id: ClientId
    organization_id: OrganizationId
    surface: str
    grants: frozenset[str]
    is_public: bool
    lifetimes: TokenLifetimes
    permissions: frozenset[str]
    proof: str | None = field(default=None, repr=False)
    name: str = ""
    redirect_uris: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KnownUser:
    """A person who has shown who they are, and the organisations they may act for, the likeliest first."""

    id: UserId
    organizations: tuple[OrganizationId, ...]
    proof: str | None = field(default=None, repr=False)
    second_factor: bool = False
    """Whether a code of theirs is still to come before they are in."""


@dataclass(frozen=True, slots=True)
class Rights:
    """The rights behind a session, as they are stored: roles by name, or as permissions."""

    tenant_id: TenantId
    user_role: str | None
    user_permissions: Sequence[str] | None
    client_role: str | None
    client_permissions: Sequence[str] | None


@dataclass(frozen=True, slots=True)
class Issued:
    """A session that stands: its actor, and what a dialect needs to say about it. Secrets are here in clear, once."""

    actor: Actor
    lifetimes: TokenLifetimes
    refresh_token: str | None = field(default=None, repr=False)

    @property
    def scope(self) -> str:
        return " ".join(sorted(self.actor.permissions))
