from __future__ import annotations

from typing import Any

import psycopg
import pytest

from chandlery.catalog.offers import PlanRef
from chandlery.engine.unit_of_work import Engine
from chandlery.kernel.errors import PermissionMissing
from chandlery.ordering.checkout import Submit, submit
from chandlery.ordering.copying import CopyOrder, copy_order
from chandlery.ordering.drafts import LineRequest
from chandlery.ordering.errors import OrderInvalid, OrderUnknown
from chandlery.ordering.queries import get_order
from tests.catalog.builders import a_rule
from tests.ordering.builders import a_draft, a_placed_order, a_shop, may, some
from tests.ordering.terms import a_field, a_ruled_shop

Owner = psycopg.Connection[Any]


async def test_a_copy_is_a_draft_of_its_own_with_the_same_lines_at_today_s_prices(
    engine: Engine, owner: Owner
) -> None:
    shop = a_shop(owner)
    order = await a_placed_order(engine, shop, some("suite-basic", 5), some("dock", 2))
    a_rule(owner, shop.tenant, shop.reseller.organization_id, "25", shop.customer.organization_id)
    copy = (await engine.perform(shop.reseller, copy_order, CopyOrder(order.id))).result
    assert copy.status == "draft"
    assert (copy.id != order.id, copy.number != order.number) == (True, True)
    assert (copy.customer_id, copy.currency) == (order.customer_id, order.currency)
    assert [(line.plan_id, line.quantity) for line in copy.lines] == [
        (line.plan_id, line.quantity) for line in order.lines
    ]
    assert copy.totals(shop.reseller.organization_id).price.minor == 5500 + 2 * 15400
    assert await engine.read(shop.reseller, get_order, copy.id) == copy
    assert (await engine.perform(shop.reseller, submit, Submit(copy.id))).result.status == "submitted"


async def test_what_names_one_purchase_is_not_copied(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    draft = await a_draft(engine, shop, some(), po_number="PO-1", attributes={"erp": {"id": "1"}})
    copy = (await engine.perform(shop.reseller, copy_order, CopyOrder(draft.id))).result
    assert (copy.po_number, copy.attributes) == (None, {})
    given = CopyOrder(draft.id, "PO-2", {"erp": {"id": "2"}})
    copy = (await engine.perform(shop.reseller, copy_order, given)).result
    assert (copy.po_number, copy.attributes) == ("PO-2", {"erp": {"id": "2"}})


async def test_custom_fields_are_copied_as_far_as_the_copier_sets_them(engine: Engine, owner: Owner) -> None:
    shop = a_ruled_shop(owner)
    await a_field(engine, shop.reseller, "project")
    await a_field(engine, shop.reseller, "price_book", read_only=True)
    await a_field(engine, shop.reseller, "floor", "line", "number")
    line = LineRequest(PlanRef(sku="dock"), custom_fields={"floor": 3})
    order = await a_draft(engine, shop, line, custom_fields={"project": "Bridge", "price_book": "B"})
    copy = (await engine.perform(shop.customer, copy_order, CopyOrder(order.id))).result
    assert (copy.custom_fields, copy.lines[0].custom_fields) == ({"project": "Bridge"}, {"floor": 3})
    copy = (await engine.perform(shop.reseller, copy_order, CopyOrder(order.id))).result
    assert copy.custom_fields == {"project": "Bridge", "price_book": "B"}


async def test_every_line_that_cannot_be_had_any_more_is_named(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    order = await a_placed_order(engine, shop, some(), some("dock"), some("suite-basic", 2))
    owner.execute("UPDATE plans SET status = 'retired' WHERE id = %s", (shop.plans["suite-basic"],))
    with pytest.raises(OrderInvalid) as refused:
        await engine.perform(shop.reseller, copy_order, CopyOrder(order.id))
    assert [problem.field for problem in refused.value.problems] == ["lines.0.plan_id", "lines.2.plan_id"]


async def test_one_copies_what_one_sees_and_may_order(engine: Engine, owner: Owner) -> None:
    shop, other = a_shop(owner), a_shop(owner)
    order = await a_placed_order(engine, shop)
    with pytest.raises(OrderUnknown):
        await engine.perform(other.reseller, copy_order, CopyOrder(order.id))
    with pytest.raises(PermissionMissing):
        await engine.perform(may(shop.reseller, "orders:read"), copy_order, CopyOrder(order.id))
