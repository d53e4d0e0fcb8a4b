"""Approval rules: seen by their owner and by those above it. Whom they bind sees the steps, on the order."""

# ruff: noqa: S608 - columns and conditions are written here; every value is a parameter

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
from psycopg.types.json import Jsonb

from chandlery.engine.statements import Query, Row, Write, many, one
from chandlery.kernel.actor import Actor
from chandlery.kernel.ids import ApprovalRuleId, OrganizationId
from chandlery.kernel.page import PageRequest
from chandlery.ordering.approval import ApprovalRule
from chandlery.ordering.errors import ApprovalRuleUnknown

_COLUMNS = """r.id, r.owner_id, r.target_id, r.name, r.steps, r.created_at, r.active, r.above_minor, r.goods,
    r.version"""
_ONE = f"SELECT {_COLUMNS} FROM approval_rules r WHERE r.id = %s"  # sql: constants alone
_FOR_UPDATE = f"{_ONE} AND r.owner_id = scope_org() FOR NO KEY UPDATE"  # sql: constants alone
_FIND = f"""SELECT {_COLUMNS} FROM approval_rules r
    WHERE r.tenant_id = scope_tenant() AND (%(owner)s::uuid IS NULL OR r.owner_id = %(owner)s::uuid)
        AND (%(at)s::timestamptz IS NULL OR (r.created_at, r.id) > (%(at)s::timestamptz, %(id)s::uuid))
    ORDER BY r.created_at, r.id LIMIT %(limit)s"""  # sql: constants alone

_FACTS = """SELECT
    ARRAY(SELECT o.id FROM organizations o WHERE o.id = ANY (%(orgs)s::uuid[])
        AND starts_with((SELECT t.path FROM organizations t WHERE t.id = %(target)s), o.path)),
    ARRAY(SELECT DISTINCT m.user_id FROM memberships m
        WHERE m.user_id = ANY (%(users)s::uuid[]) AND m.organization_id = ANY (%(orgs)s::uuid[])),
    ARRAY(SELECT r.id FROM roles r WHERE r.id = ANY (%(roles)s::uuid[])),
    ARRAY(SELECT v.id FROM vendors v WHERE v.tenant_id = scope_tenant() AND v.id = ANY (%(goods)s::uuid[])
        UNION ALL SELECT p.id FROM products p WHERE p.tenant_id = scope_tenant() AND p.id = ANY (%(goods)s::uuid[])
        UNION ALL SELECT s.id FROM skus s WHERE s.tenant_id = scope_tenant() AND s.id = ANY (%(goods)s::uuid[])
        UNION ALL SELECT p.id FROM plans p WHERE p.tenant_id = scope_tenant() AND p.id = ANY (%(goods)s::uuid[]))"""

_ROLES_HELD = """SELECT m.role, m.role_id FROM memberships m
        WHERE m.user_id = %(user)s::uuid AND m.organization_id = scope_org()
    UNION ALL SELECT c.role, c.role_id FROM api_clients c
        WHERE %(user)s::uuid IS NULL AND c.id = %(client)s::uuid AND c.organization_id = scope_org()
    LIMIT 10"""


@dataclass(frozen=True, slots=True)
class Named:
    """What a rule names: approvers' organisations, people and roles, and goods."""

    organizations: Sequence[UUID]
    users: Sequence[UUID]
    roles: Sequence[UUID]
    goods: Sequence[UUID]


def _decode(row: Row) -> ApprovalRule:
    names = (
        "id",
        "owner_id",
        "target_id",
        "name",
        "steps",
        "created_at",
        "active",
        "above_minor",
        "goods",
        "version",
    )
    found: dict[str, Any] = dict(zip(names, row, strict=True))
    return msgspec.convert(found, ApprovalRule)


def rule_query(rule_id: ApprovalRuleId) -> Query[ApprovalRule]:
    return one(_ONE, (rule_id,), _decode, ApprovalRuleUnknown)


def rule_for_change(rule_id: ApprovalRuleId) -> Query[ApprovalRule]:
    """Its owner's alone: those above read it, and set rules of their own."""
    return one(_FOR_UPDATE, (rule_id,), _decode, ApprovalRuleUnknown)


def find_rules(owner_id: OrganizationId | None, page: PageRequest) -> Query[list[ApprovalRule]]:
    at, after = page.after or (None, None)
    return many(_FIND, {"owner": owner_id, "at": at, "id": after, "limit": page.limit + 1}, _decode)


def rule_facts(target_id: OrganizationId, named: Named) -> Query[Named]:
    """Those of the things named that there are; of organisations only those at or above the target."""
    params = {
        "target": target_id,
        "orgs": list(named.organizations),
        "users": list(named.users),
        "roles": list(named.roles),
        "goods": list(named.goods),
    }
    return one(_FACTS, params, lambda row: Named(*row), ApprovalRuleUnknown)


def add_rule(rule: ApprovalRule) -> Write:
    return Write(
        "INSERT INTO approval_rules (id, tenant_id, owner_id, owner_path, target_id, target_path, name, active,"
        " above_minor, goods, steps, created_at)"
        " SELECT %s, scope_tenant(), o.id, o.path, t.id, t.path, %s::text, %s, %s, %s, %s, %s"
        " FROM organizations o JOIN organizations t ON t.id = %s WHERE o.id = %s",
        (
            rule.id, rule.name, rule.active, Jsonb(rule.above_minor), Jsonb(rule.goods), Jsonb(rule.steps),
            rule.created_at, rule.target_id, rule.owner_id,
        ),
    )  # fmt: skip


def save_rule(rule: ApprovalRule) -> Write:
    return Write(
        "UPDATE approval_rules r SET target_id = t.id, target_path = t.path, name = %s::text, active = %s,"
        " above_minor = %s, goods = %s, steps = %s, version = %s FROM organizations t WHERE t.id = %s AND r.id = %s",
        (
            rule.name, rule.active, Jsonb(rule.above_minor), Jsonb(rule.goods), Jsonb(rule.steps), rule.version,
            rule.target_id, rule.id,
        ),
    )  # fmt: skip


def remove_rule(rule_id: ApprovalRuleId) -> Write:
    return Write("DELETE FROM approval_rules WHERE id = %s", (rule_id,))


def roles_held(actor: Actor) -> Query[list[str]]:
    """The roles that the actor has in its organisation: names of built-in ones, ids of others."""
    params = {"user": actor.user_id, "client": actor.client_id}
    return many(_ROLES_HELD, params, lambda row: str(row[0] or row[1]))
