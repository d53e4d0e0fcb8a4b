"""Builders: plain functions with defaults, for the things most tests need first."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from chandlery.kernel.actor import Actor, system
from chandlery.kernel.ids import OrganizationId, SessionId, TenantId, new_id


@dataclass(frozen=True, slots=True)
class Tenant:
    """Operator, reseller and customer, one below the other, and an actor with every permission named for each."""

    id: TenantId
    operator: Actor
    reseller: Actor
    customer: Actor

    @property
    def system(self) -> Actor:
        return system(self.id, "test")


def a_tenant(owner: psycopg.Connection[Any], permissions: frozenset[str] = frozenset()) -> Tenant:
    tenant_id = TenantId(new_id())
    operator = OrganizationId(tenant_id)
    reseller, customer = OrganizationId(new_id()), OrganizationId(new_id())
    path = f"{_label(operator)}."
    owner.execute("INSERT INTO tenants (id) VALUES (%s)", (tenant_id,))
    for org, parent, kind, org_path in (
        (operator, None, "operator", path),
        (reseller, operator, "reseller", f"{path}{_label(reseller)}."),
        (customer, reseller, "customer", f"{path}{_label(reseller)}.{_label(customer)}."),
    ):
        owner.execute(
            "INSERT INTO organizations (id, tenant_id, parent_id, kind, name, path, created_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, now())",
            (org, tenant_id, parent, kind, kind.title(), org_path),
        )
    actors = [an_actor(owner, tenant_id, org, permissions) for org in (operator, reseller, customer)]
    return Tenant(tenant_id, *actors)


def an_actor(
    owner: psycopg.Connection[Any],
    tenant_id: TenantId,
    organization_id: OrganizationId,
    permissions: frozenset[str] = frozenset(),
) -> Actor:
    """Somebody with a live session for that organisation."""
    session_id = SessionId(new_id())
    owner.execute(
        "INSERT INTO sessions (id, tenant_id, organization_id, surface, expires_at) VALUES (%s, %s, %s, 'native', %s)",
        (session_id, tenant_id, organization_id, datetime.now(UTC) + timedelta(days=1)),
    )
    return Actor(tenant_id, organization_id, permissions, "native", session_id=session_id, epoch=1)


def allowed(actor: Actor, *permissions: str) -> Actor:
    """The same actor, holding these permissions."""
    return replace(actor, permissions=frozenset(permissions))


def _label(organization_id: OrganizationId) -> str:
    return organization_id.hex[-8:]
