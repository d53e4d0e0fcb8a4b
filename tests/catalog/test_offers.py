"""What a customer is offered, from the database."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from chandlery.catalog import errors
from chandlery.catalog.offers import Offers, PlanRef, offers
from chandlery.engine.unit_of_work import Engine, Meter, Reader
from chandlery.kernel.actor import Actor
from chandlery.kernel.ids import OrganizationId
from chandlery.kernel.money import Money
from tests.builders import Tenant, a_tenant
from tests.catalog.builders import PlanSpec, a_catalog, a_plan, a_price, a_rule
from tests.conftest import NOW


async def offered(
    engine: Engine, actor: Actor, customer_id: OrganizationId, *refs: PlanRef, currency: str = "USD"
) -> Offers:
    async def ask(reader: Reader, _actor: Actor, _: None) -> Offers:
        return await reader.fetch(offers(customer_id, refs, currency))

    return await engine.read(actor, ask, None)


async def test_every_step_of_a_price_from_the_vendor_to_the_customer(
    engine: Engine, tenant: Tenant, owner: psycopg.Connection[Any], meters: list[Meter]
) -> None:
    plan_id = a_plan(owner, tenant)
    operator, reseller, customer = (
        actor.organization_id for actor in (tenant.operator, tenant.reseller, tenant.customer)
    )
    general = a_rule(owner, tenant, operator, "10")
    special = a_rule(owner, tenant, reseller, "12.5", customer)
    found = await offered(engine, tenant.reseller, customer, PlanRef(plan_id))
    assert (meters[-1].round_trips, meters[-1].statements) == (1, 2)
    quote = found.pick(PlanRef(plan_id)).quote(3)
    assert [(s.issuer_id, s.recipient_id, s.rate, s.amount, s.rule_id, s.basis) for s in quote.steps] == [
        (None, operator, Decimal("8.00"), Money(2400, "USD"), None, "vendor"),
        (operator, reseller, Decimal("8.8"), Money(2640, "USD"), general, "percent"),
        (reseller, customer, Decimal("9.9"), Money(2970, "USD"), special, "percent"),
    ]
    assert found.seller_id == reseller


async def test_a_sku_of_one_plan_means_that_plan_and_a_plan_code_always_does(
    engine: Engine, tenant: Tenant, owner: psycopg.Connection[Any]
) -> None:
    plans = a_catalog(owner, tenant)
    refs = [PlanRef(sku=sku) for sku in ("suite-basic", "suite-pro:P1Y:annual", "suite-pro", "unheard-of")]
    found = await offered(engine, tenant.customer, tenant.customer.organization_id, *refs)
    assert found.pick(refs[0]).plan.id == plans["suite-basic"]
    assert found.pick(refs[1]).plan.id == plans["suite-pro:P1Y:annual"]
    with pytest.raises(errors.SkuAmbiguous) as ambiguous:
        found.pick(refs[2], "lines.0")
    (problem,) = ambiguous.value.problems
    assert (problem.field, problem.code) == ("lines.0.sku", "sku_ambiguous")
    assert str(plans["suite-pro"]) in problem.message
    assert str(plans["suite-pro:P1Y:annual"]) in problem.message
    with pytest.raises(errors.SkuUnknown):
        found.pick(refs[3])


async def test_a_plan_that_is_not_sold_or_not_priced_is_refused_by_field(
    engine: Engine, tenant: Tenant, owner: psycopg.Connection[Any]
) -> None:
    sold, retired = a_plan(owner, tenant), a_plan(owner, tenant, PlanSpec(sku="old"))
    owner.execute("UPDATE plans SET status = 'retired' WHERE id = %s", (retired,))
    foreign = a_plan(owner, a_tenant(owner))
    refs = [PlanRef(plan) for plan in (sold, retired, foreign)]
    customer_id = tenant.customer.organization_id
    found = await offered(engine, tenant.customer, customer_id, *refs)
    for ref in refs[1:]:
        with pytest.raises(errors.PlanNotSold):
            found.pick(ref)
    with pytest.raises(errors.PlanNotNamed):
        found.pick(PlanRef())
    in_euro = await offered(engine, tenant.customer, customer_id, *refs, currency="EUR")
    with pytest.raises(errors.CurrencyNotPriced) as refused:
        in_euro.pick(refs[0], "lines.1")
    assert refused.value.problems[0].field == "lines.1.currency"


async def test_a_customer_outside_the_callers_tree_does_not_exist(
    engine: Engine, tenant: Tenant, owner: psycopg.Connection[Any]
) -> None:
    plan_id = a_plan(owner, tenant)
    for actor, customer in (
        (tenant.customer, tenant.reseller.organization_id),
        (tenant.operator, a_tenant(owner).customer.organization_id),
    ):
        found = await offered(engine, actor, customer, PlanRef(plan_id))
        with pytest.raises(errors.CustomerUnknown):
            found.pick(PlanRef(plan_id))


async def test_a_price_holds_from_its_start_until_just_before_its_end(
    engine: Engine, tenant: Tenant, owner: psycopg.Connection[Any]
) -> None:
    plan_id = a_plan(owner, tenant)
    owner.execute("UPDATE list_prices SET effective_until = %s WHERE plan_id = %s", (NOW, plan_id))
    a_price(owner, tenant, plan_id, PlanSpec(cost="9"), since=NOW)
    ref, customer_id = PlanRef(plan_id), tenant.customer.organization_id

    async def rate_at(reader: Reader, _actor: Actor, before: timedelta) -> Decimal:
        found = await reader.fetch(offers(customer_id, [ref], "USD", NOW - before))
        return found.pick(ref).quote(1).charged.rate

    assert await engine.read(tenant.system, rate_at, timedelta(microseconds=1)) == Decimal("8.00")
    assert await engine.read(tenant.system, rate_at, timedelta()) == Decimal(9)


async def test_a_customers_market_decides_between_prices_in_one_currency(
    engine: Engine, tenant: Tenant, owner: psycopg.Connection[Any]
) -> None:
    ref, customer_id = PlanRef(sku="suite-basic"), tenant.customer.organization_id
    plan_id = a_plan(owner, tenant, PlanSpec(market="DE"))
    assert (await offered(engine, tenant.customer, customer_id, ref)).pick(ref).quote(1).charged.rate == 8
    a_price(owner, tenant, plan_id, PlanSpec(market="FR", cost="9"))
    with pytest.raises(errors.MarketNotKnown):
        (await offered(engine, tenant.customer, customer_id, ref)).pick(ref)
    owner.execute(
        """UPDATE organizations SET attributes = '{"market": "FR"}' WHERE id = %s""", (customer_id,)
    )
    assert (await offered(engine, tenant.customer, customer_id, ref)).pick(ref).quote(1).charged.rate == 9
