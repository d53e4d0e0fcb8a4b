"""Builders of orders: actors who may order, drafts with lines, and orders further on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import psycopg

from chandlery.catalog.offers import PlanRef
from chandlery.engine.unit_of_work import Engine
from chandlery.identity import permissions
from chandlery.kernel.actor import Actor
from chandlery.kernel.ids import OrganizationId, PlanId, new_id
from chandlery.ordering.checkout import Submit, submit
from chandlery.ordering.drafts import LineRequest, OpenDraft, open_draft
from chandlery.ordering.order import Order
from chandlery.ordering.progress import LineProgress, record
from chandlery.ordering.status import LineStatus
from tests.builders import Tenant, a_tenant, allowed, an_actor
from tests.catalog.builders import a_catalog, a_rule

ORDERING = (
    permissions.ORDERS_READ,
    permissions.ORDERS_WRITE,
    permissions.ORDERS_CHECKOUT,
    permissions.ORDERS_CANCEL,
)


@dataclass(frozen=True, slots=True)
class Shop:
    """A tenant with a catalogue: the operator adds 10 percent, the reseller 50 percent on top of that."""

    tenant: Tenant
    operator: Actor
    reseller: Actor
    customer: Actor
    plans: dict[str, PlanId]

    @property
    def system(self) -> Actor:
        return self.tenant.system


def a_shop(owner: psycopg.Connection[Any]) -> Shop:
    tenant = a_tenant(owner)
    a_rule(owner, tenant, tenant.operator.organization_id, "10")
    a_rule(owner, tenant, tenant.reseller.organization_id, "50")
    return Shop(
        tenant,
        allowed(tenant.operator, *ORDERING),
        allowed(tenant.reseller, *ORDERING),
        allowed(tenant.customer, *ORDERING),
        a_catalog(owner, tenant),
    )


def an_organization(
    owner: psycopg.Connection[Any], parent: Actor, kind: str = "customer", status: str = "active"
) -> Actor:
    """One more organisation directly below another, and somebody to act for it."""
    organization_id = OrganizationId(new_id())
    owner.execute(
        "INSERT INTO organizations (id, tenant_id, parent_id, kind, name, path, status, created_at)"
        " SELECT %s, tenant_id, id, %s, 'One More', path || %s, %s, now() FROM organizations WHERE id = %s",
        (organization_id, kind, f"{organization_id.hex[-8:]}.", status, parent.organization_id),
    )
    return allowed(an_actor(owner, parent.tenant_id, organization_id), *ORDERING)


def some(sku: str = "suite-basic", quantity: int = 1, **characteristics: Any) -> LineRequest:
    return LineRequest(PlanRef(sku=sku), quantity, characteristics)


async def a_draft(engine: Engine, shop: Shop, *lines: LineRequest, **header: Any) -> Order:
    """A draft of the reseller for its customer."""
    command = OpenDraft(shop.customer.organization_id, lines=lines, **header)
    return (await engine.perform(shop.reseller, open_draft, command)).result


async def a_placed_order(engine: Engine, shop: Shop, *lines: LineRequest) -> Order:
    draft = await a_draft(engine, shop, *(lines or (some(),)))
    return (await engine.perform(shop.reseller, submit, Submit(draft.id))).result


async def moved(engine: Engine, shop: Shop, order: Order, index: int, *statuses: LineStatus) -> Order:
    """The order after one of its lines has gone through these statuses."""
    for status in statuses:
        command = LineProgress(order.id, order.lines[index].id, status)
        order = (await engine.perform(shop.system, record, command)).result
    return order


def may(actor: Actor, *names: str) -> Actor:
    return replace(actor, permissions=frozenset(names))
