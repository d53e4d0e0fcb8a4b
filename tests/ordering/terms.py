"""Builders of what binds orders: actors who may set it, custom fields, approval rules."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import psycopg

from chandlery.engine.unit_of_work import Engine
from chandlery.identity import permissions
from chandlery.kernel.actor import Actor
from chandlery.kernel.ids import UserId, new_id
from chandlery.ordering.approval import ApprovalRule, Approvers
from chandlery.ordering.approval_rules import RuleTerms, set_rule
from chandlery.ordering.custom_field import CustomField, Kind, Noun
from chandlery.ordering.custom_fields import DefineField, define_field
from tests.ordering.builders import Shop, a_shop


def a_ruled_shop(owner: psycopg.Connection[Any]) -> Shop:
    """A shop whose people may do everything."""
    shop = a_shop(owner)
    actors = (
        replace(actor, permissions=permissions.EVERY)
        for actor in (shop.operator, shop.reseller, shop.customer)
    )
    operator, reseller, customer = actors
    return replace(shop, operator=operator, reseller=reseller, customer=customer)


async def a_field(
    engine: Engine, actor: Actor, name: str, noun: Noun = "order", kind: Kind = "text", **more: Any
) -> CustomField:
    return (
        await engine.perform(actor, define_field, DefineField(noun, name, name.title(), kind, **more))
    ).result


async def a_rule_of(engine: Engine, actor: Actor, *steps: Approvers, **more: Any) -> ApprovalRule:
    """A rule of the actor's organisation: whoever may approve there does, unless steps are named."""
    steps = steps or (Approvers(actor.organization_id),)
    return (await engine.perform(actor, set_rule, RuleTerms("A rule", steps, **more))).result


def a_person(owner: psycopg.Connection[Any], actor: Actor, role: str = "approver") -> Actor:
    """Another member of the actor's organisation, in a role, who may do what the actor may."""
    user_id = UserId(new_id())
    owner.execute(
        "INSERT INTO users (id, email, username, name, created_at) VALUES (%s, %s, %s, 'A Person', now())",
        (user_id, f"{user_id.hex}@example.com", user_id.hex),
    )
    owner.execute(
        "INSERT INTO memberships (id, tenant_id, organization_id, owner_path, user_id, role, created_at)"
        " SELECT %s, tenant_id, id, path, %s, %s, now() FROM organizations WHERE id = %s",
        (new_id(), user_id, role, actor.organization_id),
    )
    return replace(actor, user_id=user_id)
