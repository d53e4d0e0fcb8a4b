"""The noun: a role of an organisation's own. `RoleRef` names any role, built in or not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from chandlery.kernel.ids import OrganizationId, RoleId

RoleRef: TypeAlias = str | RoleId
"""`"admin"`, or the id of a role that an organisation defined."""


@dataclass(frozen=True, slots=True)
class Role:
    """A set of permissions that an organisation has given a name."""

    id: RoleId
    organization_id: OrganizationId
    name: str
    permissions: frozenset[str]
    created_at: datetime
    version: int = 1


def columns(ref: RoleRef) -> tuple[str | None, RoleId | None]:
    """As it is stored: the name of a built-in role, or the id of another."""
    return (ref, None) if isinstance(ref, str) else (None, ref)


def from_columns(role: str | None, role_id: RoleId | None) -> RoleRef:
    if role is not None:
        return role
    assert role_id is not None
    return role_id
