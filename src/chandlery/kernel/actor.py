"""Who is acting: the second argument of every use case.

An actor acts *for one organisation* of one tenant, holds permissions, and came in through one surface. There is no
global, no request object and no thread-local below the surfaces: what a use case may know about its caller is here.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from chandlery.kernel.errors import PermissionMissing
from chandlery.kernel.ids import ClientId, OrganizationId, SessionId, TenantId, UserId


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody, for an organisation, with permissions, through a surface.

    `session_id` and `epoch` are what the first statement of every unit of work checks against the database, so that
    removal ends access at once. A system actor has no session: it is the server itself, working for a tenant.
    """

    tenant_id: TenantId
    organization_id: OrganizationId
    permissions: frozenset[str]
    surface: str
    session_id: SessionId | None = None
    epoch: int = 0
    user_id: UserId | None = None
    client_id: ClientId | None = None
    is_system: bool = False
    request_id: str = field(default="", compare=False)

    def may(self, permission: str) -> bool:
        return self.is_system or permission in self.permissions

    def require(self, permission: str) -> None:
        """Refuse unless the actor holds `permission` (`orders:write`); the first line of every use case."""
        if not self.may(permission):
            raise PermissionMissing(permission)

    @property
    def principal(self) -> str:
        """How the audit trail names the actor: `user:<id>`, `client:<id>` or `system`."""
        if self.user_id is not None:
            return f"user:{self.user_id}"
        return f"client:{self.client_id}" if self.client_id is not None else "system"


def system(tenant_id: TenantId, because: str) -> Actor:
    """The server itself, at work for a tenant; `because` names the story or command (`fulfil_order`)."""
    return Actor(
        tenant_id, OrganizationId(tenant_id), permissions=frozenset(), surface=because, is_system=True
    )
