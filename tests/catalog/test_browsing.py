"""Looking around in the catalogue, changing it by hand, and who may see what."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import psycopg
import pytest

from chandlery.catalog import browsing, editing, errors
from chandlery.catalog.browsing import FindPlans, FindPrices, FindProducts, FindVendors, GetPlan
from chandlery.catalog.editing import Addon, DefineCharacteristic, DropCharacteristic, RetirePlan
from chandlery.catalog.plan import Characteristic
from chandlery.engine.unit_of_work import Engine, Meter
from chandlery.identity.permissions import CATALOG_READ, CATALOG_WRITE, PRICES_READ
from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import PermissionMissing, VersionStale
from chandlery.kernel.ids import PlanId, new_id
from chandlery.kernel.page import PageRequest, decode_cursor
from tests.builders import Tenant, a_tenant, allowed
from tests.catalog.builders import PlanSpec, a_catalog, a_plan, a_rule


def browsing_as(actor: Actor) -> Actor:
    return allowed(actor, CATALOG_READ, PRICES_READ, CATALOG_WRITE)


async def codes(engine: Engine, actor: Actor, command: FindPlans) -> set[str]:
    page = await engine.read(browsing_as(actor), browsing.find_plans, command)
    return {plan.code for plan in page.items}


async def test_vendors_and_products_of_the_tenant_and_of_no_other(
    engine: Engine, tenant: Tenant, owner: psycopg.Connection[Any], meters: list[Meter]
) -> None:
    a_catalog(owner, tenant)
    a_catalog(owner, a_tenant(owner))
    me = browsing_as(tenant.customer)
    vendors = (await engine.read(me, browsing.find_vendors, FindVendors())).items
    assert meters[-1].round_trips == 1
    assert {(vendor.code, vendor.provider) for vendor in vendors} == {
        ("acme", "sandbox"),
        ("freight", "sandbox"),
    }
    products = (await engine.read(me, browsing.find_products, FindProducts(vendor="acme"))).items
    assert {product.code for product in products} == {"suite", "storage"}
    (suite,) = (await engine.read(me, browsing.find_products, FindProducts(q="SuI"))).items
    found = await engine.read(me, browsing.get_product, suite.id)
    assert [sku.code for sku in found.skus] == ["suite-basic", "suite-pro"]


async def test_plans_by_vendor_product_sku_beginning_charge_and_status(
    engine: Engine, tenant: Tenant, owner: psycopg.Connection[Any]
) -> None:
    plans = a_catalog(owner, tenant)
    owner.execute("UPDATE plans SET status = 'retired' WHERE id = %s", (plans["dock"],))
    me = tenant.reseller
    pro = {"suite-pro:P1Y:monthly", "suite-pro:P1Y:annual"}
    assert await codes(engine, me, FindPlans(sku="suite-pro")) == pro
    assert await codes(engine, me, FindPlans(q="suite-pro:P1Y:m")) == {"suite-pro:P1Y:monthly"}
    assert await codes(engine, me, FindPlans(q="SUITE-P")) == pro
    assert await codes(engine, me, FindPlans(q="%")) == set()
    assert await codes(engine, me, FindPlans(vendor="acme", charge="metered")) == {"storage-gb:P1M:usage"}
    assert await codes(engine, me, FindPlans(vendor="freight")) == set()
    assert await codes(engine, me, FindPlans(vendor="freight", status=None)) == {"dock::one_time"}
    plan = (await engine.read(browsing_as(me), browsing.get_plan, GetPlan(plans["suite-basic"]))).plan
    assert await codes(engine, me, FindPlans(product_id=plan.product_id)) == {*pro, "suite-basic:P1Y:monthly"}


async def test_pages_of_plans_hold_each_plan_once(
    engine: Engine, tenant: Tenant, owner: psycopg.Connection[Any]
) -> None:
    a_catalog(owner, tenant)
    me, request, seen = browsing_as(tenant.customer), PageRequest(2), []
    while True:
        page = await engine.read(me, browsing.find_plans, FindPlans(page=request))
        seen += [plan.code for plan in page.items]
        if page.next_cursor is None:
            break
        request = PageRequest(2, decode_cursor(page.next_cursor))
    assert len(seen) == len(set(seen)) == 5


async def test_a_plan_comes_with_what_the_asker_pays(
    engine: Engine, tenant: Tenant, owner: psycopg.Connection[Any], meters: list[Meter]
) -> None:
    plan_id = a_plan(owner, tenant)
    a_rule(owner, tenant, tenant.operator.organization_id, "10")
    for actor, rate in ((tenant.operator, "8"), (tenant.reseller, "8.8"), (tenant.customer, "8.8")):
        found = await engine.read(browsing_as(actor), browsing.get_plan, GetPlan(plan_id, "USD"))
        assert meters[-1].round_trips == 1
        assert found.price is not None
        assert found.price.rate == Decimal(rate)
    assert (
        await engine.read(browsing_as(tenant.customer), browsing.get_plan, GetPlan(plan_id, "EUR"))
    ).price is None
    with pytest.raises(errors.PlanUnknown):
        await engine.read(browsing_as(tenant.customer), browsing.get_plan, GetPlan(PlanId(new_id()), "USD"))


async def test_costs_are_for_the_operator_alone(
    engine: Engine, tenant: Tenant, owner: psycopg.Connection[Any]
) -> None:
    plan_id = a_plan(owner, tenant)
    (entry,) = (
        await engine.read(browsing_as(tenant.operator), browsing.find_prices, FindPrices(plan_id))
    ).items
    assert (entry.price.cost, entry.price.retail) == (Decimal("8.00"), Decimal("10.00"))
    with pytest.raises(errors.NotTheOperator):
        await engine.read(browsing_as(tenant.reseller), browsing.find_prices, FindPrices())


@pytest.mark.parametrize(
    "table", ["list_prices", "price_rules", "plans", "vendors", "characteristics", "addons"]
)
async def test_the_database_itself_hides_prices_from_resellers_and_all_from_other_tenants(
    engine: Engine, tenant: Tenant, owner: psycopg.Connection[Any], table: str
) -> None:
    from chandlery.engine.statements import Query
    from chandlery.engine.unit_of_work import Reader

    spec = PlanSpec(characteristics=({"name": "domain"},))
    base, addon = a_plan(owner, tenant, spec), a_plan(owner, tenant, PlanSpec(sku="extra"))
    owner.execute("INSERT INTO addons VALUES (%s, %s, %s)", (tenant.id, addon, base))
    a_rule(owner, tenant, tenant.operator.organization_id)

    async def visible(reader: Reader, _actor: Actor, _: None) -> bool:
        return await reader.fetch(Query(f"SELECT 1 FROM {table}", (), bool))

    assert await engine.read(tenant.operator, visible, None)
    assert await engine.read(tenant.system, visible, None)
    assert not await engine.read(a_tenant(owner).operator, visible, None)
    secret = table in ("list_prices", "price_rules")
    assert await engine.read(tenant.reseller, visible, None) is not secret


async def test_characteristics_of_a_product_and_of_one_plan(
    engine: Engine, tenant: Tenant, owner: psycopg.Connection[Any]
) -> None:
    plans = a_catalog(owner, tenant)
    me = browsing_as(tenant.operator)
    basic, pro = plans["suite-basic"], plans["suite-pro"]
    product_id = (await engine.read(me, browsing.get_plan, GetPlan(basic))).plan.product_id
    general = DefineCharacteristic(product_id, "domain", "Domain", required=True)
    special = DefineCharacteristic(product_id, "domain", "Region", "choice", True, ("eu", "us"), pro)
    for command in (general, special, general):
        await engine.perform(me, editing.define_characteristic, command)
    domain = Characteristic("domain", "Domain", "text", required=True)
    region = Characteristic("domain", "Region", "choice", required=True, allowed=("eu", "us"))
    for plan_id, expected in ((basic, domain), (pro, region)):
        assert (await engine.read(me, browsing.get_plan, GetPlan(plan_id))).plan.characteristics == (
            expected,
        )
    await engine.perform(me, editing.drop_characteristic, DropCharacteristic(product_id, "domain", pro))
    assert (await engine.read(me, browsing.get_plan, GetPlan(pro))).plan.characteristics == (domain,)
    with pytest.raises(errors.CharacteristicUnknown):
        await engine.perform(me, editing.drop_characteristic, DropCharacteristic(product_id, "colour"))
    with pytest.raises(errors.CharacteristicInvalid) as refused:
        wrong = DefineCharacteristic(product_id, "", "", "choice")
        await engine.perform(me, editing.define_characteristic, wrong)
    assert [problem.field for problem in refused.value.problems] == ["name", "label", "allowed"]
    with pytest.raises(errors.PlanUnknown):
        other = DefineCharacteristic(product_id, "x", "X", plan_id=plans["dock"])
        await engine.perform(me, editing.define_characteristic, other)


async def test_addons_name_their_bases(
    engine: Engine, tenant: Tenant, owner: psycopg.Connection[Any]
) -> None:
    plans = a_catalog(owner, tenant)
    me = browsing_as(tenant.operator)
    base, addon = plans["suite-basic"], plans["storage-gb"]
    await engine.perform(me, editing.attach_addon, Addon(addon, base))
    assert (await engine.read(me, browsing.get_plan, GetPlan(addon))).plan.addon_of == (base,)
    for wrong in (Addon(base, base), Addon(plans["dock"], addon)):
        with pytest.raises(errors.AddonInvalid):
            await engine.perform(me, editing.attach_addon, wrong)
    await engine.perform(me, editing.detach_addon, Addon(addon, base))
    assert (await engine.read(me, browsing.get_plan, GetPlan(addon))).plan.addon_of == ()


async def test_a_retired_plan_is_off_sale(
    engine: Engine, tenant: Tenant, owner: psycopg.Connection[Any], meters: list[Meter]
) -> None:
    plan_id = a_plan(owner, tenant)
    me = browsing_as(tenant.operator)
    with pytest.raises(VersionStale):
        await engine.perform(me, editing.retire_plan, RetirePlan(plan_id, 2))
    await engine.perform(me, editing.retire_plan, RetirePlan(plan_id, 1))
    assert meters[-1].round_trips == 2
    await engine.perform(me, editing.retire_plan, RetirePlan(plan_id))
    found = await engine.read(me, browsing.get_plan, GetPlan(plan_id, "USD"))
    assert (found.plan.status, found.price) == ("retired", None)
    events = owner.execute("SELECT type FROM events WHERE subject_id = %s", (plan_id,)).fetchall()
    assert events == [("plan.retired",)]


async def test_the_catalogue_is_changed_by_its_operator_alone(
    engine: Engine, tenant: Tenant, owner: psycopg.Connection[Any]
) -> None:
    plan_id = a_plan(owner, tenant)
    with pytest.raises(errors.NotTheOperator):
        await engine.perform(browsing_as(tenant.reseller), editing.retire_plan, RetirePlan(plan_id))
    with pytest.raises(PermissionMissing):
        await engine.perform(allowed(tenant.operator, CATALOG_READ), editing.retire_plan, RetirePlan(plan_id))
    with pytest.raises(PermissionMissing):
        await engine.read(allowed(tenant.customer), browsing.find_plans, FindPlans())
