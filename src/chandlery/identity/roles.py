"""Roles: sets of permissions under a name. Six are built in; an organisation may define others of its own.

The built-in ones are code, not rows: a permission that a release adds is there with the next token. Nobody can give
what they do not hold, and what concerns the whole tenant only ever works in the operator's own organisation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from chandlery.engine.unit_of_work import Reader, Unit
from chandlery.identity import permissions as p
from chandlery.identity._store import organizations as organization_store
from chandlery.identity._store import roles as store
from chandlery.identity.errors import RoleExceedsYours, RoleUnfit, RoleUnknown
from chandlery.identity.organization import Organization
from chandlery.identity.role import Role, RoleRef
from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import Problem
from chandlery.kernel.events import Event
from chandlery.kernel.ids import OrganizationId, RoleId, new_id, parse_id
from chandlery.kernel.page import Page, PageRequest, page_of

_READS = frozenset(name for name in p.EVERY if name.endswith(":read"))
_SELLS = frozenset({p.ORDERS_WRITE, p.ORDERS_CHECKOUT, p.ORDERS_CANCEL, p.SUBSCRIPTIONS_WRITE})
_OPERATES = frozenset({p.FULFILMENT_OPERATE})

BUILT_IN: Final[Mapping[str, frozenset[str]]] = {
    "owner": p.EVERY,
    "admin": p.EVERY - {p.TENANT_ADMIN, p.FEDERATION_WRITE},
    "ordering": frozenset(
        {p.ORGANIZATIONS_READ, p.CATALOG_READ, p.PRICES_READ, p.ORDERS_READ, p.SUBSCRIPTIONS_READ}
        | {p.FULFILMENT_READ, p.EVENTS_READ, p.CUSTOM_FIELDS_READ, p.CHANNELS_READ, p.ACCOUNT_WRITE}
        | _SELLS
    ),
    "approver": frozenset(
        {p.ORGANIZATIONS_READ, p.CATALOG_READ, p.PRICES_READ, p.ORDERS_READ, p.SUBSCRIPTIONS_READ}
        | {p.EVENTS_READ, p.CUSTOM_FIELDS_READ, p.APPROVAL_RULES_READ, p.ORDERS_APPROVE, p.ACCOUNT_WRITE}
    ),
    "reader": _READS | {p.ACCOUNT_WRITE},
    "fulfilment": frozenset(
        {p.CATALOG_READ, p.ORDERS_READ, p.SUBSCRIPTIONS_READ, p.FULFILMENT_READ, p.EVENTS_READ}
        | {p.ACCOUNT_WRITE, p.PROVIDERS_READ}
        | _OPERATES
    ),
}
OPERATOR_ONLY: Final = frozenset({p.CATALOG_WRITE, p.TENANT_ADMIN, p.PROVIDERS_WRITE})
"""These reach all organisations of a tenant, so no role brings them to an organisation other than the operator's."""
MAX_NAME = 100


@dataclass(frozen=True, slots=True)
class AddRole:
    organization_id: OrganizationId
    name: str
    permissions: frozenset[str]


@dataclass(frozen=True, slots=True)
class ChangeRole:
    """What is None stays as it is."""

    role_id: RoleId
    name: str | None = None
    permissions: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class FindRoles:
    """The roles that one organisation has defined."""

    organization_id: OrganizationId
    page: PageRequest


def resolve(
    role: str | None, permissions: Iterable[str] | None, organization_id: object, tenant_id: object
) -> frozenset[str]:
    """What a built-in role, or a set of one's own, comes to in an organisation."""
    held = BUILT_IN.get(role, frozenset()) if role is not None else frozenset(permissions or ()) & p.EVERY
    return held if organization_id == tenant_id else held - OPERATOR_ONLY


def refuse_more_than_held(actor: Actor, permissions: frozenset[str]) -> None:
    """Nobody gives, takes or changes rights that they do not have themselves."""
    missing = sorted(permissions - actor.permissions)
    if missing and not actor.is_system:
        raise RoleExceedsYours(given=", ".join(missing))


async def role_for(reader: Reader, ref: RoleRef, organization: Organization) -> frozenset[str]:
    """What a role that somebody is about to be given comes to; one defined elsewhere does not exist there."""
    if isinstance(ref, str):
        if ref not in BUILT_IN:
            raise RoleUnknown(Problem("role", f"Built in are: {', '.join(BUILT_IN)}.", "unknown"))
        return resolve(ref, None, organization.id, organization.tenant_id)
    role, defined_in = await reader.fetch(store.with_path(ref))
    if not organization.path.startswith(defined_in):
        raise RoleUnknown(Problem("role", RoleUnknown.message(), "unknown"))
    return resolve(None, role.permissions, organization.id, organization.tenant_id)


def parse_role(text: str) -> RoleRef:
    """The name of a built-in role, or the id of another."""
    found = parse_id(text)
    return RoleId(found) if found is not None else text


async def add_role(unit: Unit, actor: Actor, command: AddRole) -> Role:
    actor.require(p.ROLES_WRITE)
    _check(command.name, command.permissions)
    refuse_more_than_held(actor, command.permissions)
    organization = await unit.fetch(organization_store.organization_query(command.organization_id))
    role = Role(RoleId(new_id()), organization.id, command.name.strip(), command.permissions, unit.now)
    unit.write(store.add(role, organization.path))
    unit.emit(Event("role.added", role.id, organization.id, _data(role)))
    return role


async def change_role(unit: Unit, actor: Actor, command: ChangeRole) -> Role:
    """Whoever acts in this role has the new rights with the next token, and no use of the old one."""
    actor.require(p.ROLES_WRITE)
    _check(command.name, command.permissions)
    role = await unit.fetch(store.for_change(command.role_id))
    changed = replace(
        role,
        name=role.name if command.name is None else command.name.strip(),
        permissions=role.permissions if command.permissions is None else command.permissions,
        version=role.version + 1,
    )
    refuse_more_than_held(actor, role.permissions | changed.permissions)
    unit.write(store.save(changed))
    if changed.permissions != role.permissions:
        unit.write(*store.move_epoch_of_holders(role.id))
    unit.emit(Event("role.changed", role.id, role.organization_id, _data(changed)))
    return changed


async def remove_role(unit: Unit, actor: Actor, role_id: RoleId) -> Role:
    """Refused while anybody has it."""
    actor.require(p.ROLES_WRITE)
    role = await unit.fetch(store.for_change(role_id))
    refuse_more_than_held(actor, role.permissions)
    unit.write(store.remove(role_id))
    unit.emit(Event("role.removed", role.id, role.organization_id, {"name": role.name}))
    return role


async def get_role(reader: Reader, actor: Actor, role_id: RoleId) -> Role:
    actor.require(p.ROLES_READ)
    role, _path = await reader.fetch(store.with_path(role_id))
    return role


async def find_roles(reader: Reader, actor: Actor, command: FindRoles) -> Page[Role]:
    actor.require(p.ROLES_READ)
    rows = await reader.fetch(store.find(command.organization_id, command.page))
    return page_of(rows, command.page.limit, _position)


def _position(role: Role) -> tuple[datetime, RoleId]:
    return role.created_at, role.id


def _data(role: Role) -> dict[str, object]:
    return {"name": role.name, "permissions": sorted(role.permissions)}


def _check(name: str | None, permissions: frozenset[str] | None) -> None:
    problems = []
    if name is not None and not 1 <= len(name.strip()) <= MAX_NAME:
        problems.append(Problem("name", f"Give a name of 1 to {MAX_NAME} characters.", "length"))
    if name is not None and name.strip().lower() in BUILT_IN:
        problems.append(Problem("name", "A built-in role has this name; choose another.", "taken"))
    problems.extend(
        Problem("permissions", f"There is no permission '{unknown[:100]}'.", "unknown")
        for unknown in sorted((permissions or frozenset()) - p.EVERY)[:20]
    )
    if problems:
        raise RoleUnfit(*problems)
