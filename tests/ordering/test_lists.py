from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from chandlery.engine.unit_of_work import Engine, Meter
from chandlery.identity import permissions
from chandlery.kernel.actor import Actor
from chandlery.kernel.clock import FixedClock
from chandlery.kernel.errors import PermissionMissing
from chandlery.kernel.ids import OrderId, OrganizationId, new_id
from chandlery.kernel.page import PageRequest, decode_cursor
from chandlery.ordering.drafts import OpenDraft, open_draft
from chandlery.ordering.order import Order
from chandlery.ordering.queries import FindOrders, OrderFilter, OrderHistory, find_orders, get_order, history
from chandlery.ordering.status import LineStatus, OrderStatus
from tests.conftest import NOW
from tests.ordering.builders import (
    Shop,
    a_draft,
    a_placed_order,
    a_shop,
    an_organization,
    may,
    moved,
    some,
)

Owner = psycopg.Connection[Any]


async def listed(engine: Engine, actor: Actor, **wanted: Any) -> list[OrderId]:
    page = await engine.read(actor, find_orders, FindOrders(OrderFilter(**wanted)))
    return [order.id for order in page.items]


async def order_for(engine: Engine, actor: Actor, customer: Actor, hours: int = 0, **header: Any) -> Order:
    later = replace(engine, clock=FixedClock(NOW + timedelta(hours=hours)))
    command = OpenDraft(customer.organization_id, lines=(some(),), **header)
    return (await later.perform(actor, open_draft, command)).result


async def a_tree(engine: Engine, owner: Owner) -> tuple[Shop, dict[str, Actor], dict[str, OrderId]]:
    """operator > reseller > (customer, sub-reseller > its customer), and another reseller with a customer."""
    shop = a_shop(owner)
    sub = an_organization(owner, shop.reseller, "reseller")
    below = an_organization(owner, sub)
    other = an_organization(owner, shop.operator, "reseller")
    stranger = an_organization(owner, other)
    direct = an_organization(owner, shop.operator)
    who = {"sub": sub, "below": below, "other": other, "stranger": stranger, "direct": direct}
    asked = [
        ("customer", shop.reseller, shop.customer),
        ("below", sub, below),
        ("stranger", other, stranger),
        ("reseller", shop.reseller, shop.reseller),
        ("sub", sub, sub),
        ("direct", shop.operator, direct),
        ("operator", shop.operator, shop.operator),
    ]
    orders = {
        name: (await order_for(engine, actor, customer, hours)).id
        for hours, (name, actor, customer) in enumerate(asked)
    }
    return shop, who, orders


async def test_everybody_lists_the_orders_of_itself_and_of_all_below_newest_first(
    engine: Engine, owner: Owner
) -> None:
    shop, who, orders = await a_tree(engine, owner)
    for actor, names in (
        (shop.operator, ["operator", "direct", "sub", "reseller", "stranger", "below", "customer"]),
        (shop.reseller, ["sub", "reseller", "below", "customer"]),
        (who["sub"], ["sub", "below"]),
        (shop.customer, ["customer"]),
        (who["other"], ["stranger"]),
        (who["direct"], ["direct"]),
        (an_organization(owner, shop.operator, "reseller"), []),
        (a_shop(owner).operator, []),
    ):
        assert await listed(engine, actor) == [orders[name] for name in names]


async def test_a_list_asked_for_a_foreign_party_is_empty(engine: Engine, owner: Owner) -> None:
    shop, who, orders = await a_tree(engine, owner)
    stranger, other = who["stranger"].organization_id, who["other"].organization_id
    number = (await engine.read(shop.operator, get_order, orders["stranger"])).number
    for wanted in ({"customer_id": stranger}, {"seller_id": other}, {"placed_by": other}, {"number": number}):
        assert await listed(engine, shop.operator, **wanted) == [orders["stranger"]]
        assert await listed(engine, shop.reseller, **wanted) == []
        assert await listed(engine, a_shop(owner).operator, **wanted) == []


async def test_a_list_is_narrowed_by_what_it_is_asked_for(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    other = an_organization(owner, shop.reseller)
    first = await order_for(engine, shop.reseller, shop.customer, 0, po_number="PO-1")
    second = await order_for(engine, shop.customer, shop.customer, 1, po_number="PO-2")
    third = await order_for(engine, shop.reseller, other, 2, po_number="PO-1")
    placed = await a_placed_order(engine, shop)
    await moved(engine, shop, placed, 0, LineStatus.IN_PROGRESS)
    one, two, three, four = first.id, second.id, third.id, placed.id
    me = shop.reseller

    async def found(**wanted: Any) -> set[OrderId]:
        assert await listed(engine, me, **wanted) == await listed(engine, shop.operator, **wanted)
        return set(await listed(engine, me, **wanted))

    assert await found(number=first.number) == {one}
    assert await found(number="SO1") == set()
    assert await found(number="a\0b") == set()
    assert await found(po_number="\ud800") == set()
    assert await found(po_number="PO-1") == {one, three}
    assert await found(po_number="PO-1", customer_id=other.organization_id) == {three}
    assert await found(customer_id=shop.customer.organization_id) == {one, two, four}
    assert await found(customer_id=OrganizationId(new_id())) == set()
    assert await found(seller_id=me.organization_id) == {one, two, three, four}
    assert await found(placed_by=shop.customer.organization_id) == {two}
    assert await found(status=(OrderStatus.IN_PROGRESS,)) == {four}
    assert await found(status=(OrderStatus.DRAFT, OrderStatus.IN_PROGRESS)) == {one, two, three, four}
    assert await found(created_from=NOW + timedelta(hours=1)) == {two, three}
    assert await found(created_until=NOW + timedelta(hours=1)) == {one, four}
    assert await found(created_from=NOW + timedelta(hours=1), created_until=NOW + timedelta(hours=2)) == {two}


@pytest.mark.parametrize("who", ["operator", "reseller", "customer"])
async def test_pages_follow_on_each_other_without_gap_or_repetition(
    engine: Engine, owner: Owner, who: str
) -> None:
    shop = a_shop(owner)
    orders = [(await a_draft(engine, shop)).id for _ in range(7)]  # all of the same moment: the id decides
    actor: Actor = getattr(shop, who)
    seen: list[OrderId] = []
    after = None
    sizes = []
    while True:
        command = FindOrders(page=PageRequest(3, after))
        page = await engine.read(actor, find_orders, command)
        seen += [order.id for order in page.items]
        sizes.append(len(page.items))
        if page.next_cursor is None:
            break
        after = decode_cursor(page.next_cursor)
    assert seen == sorted(orders, reverse=True)
    assert sizes == [3, 3, 1]


async def test_an_order_in_a_list_is_whole_and_priced_for_the_reader(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    order = await a_placed_order(engine, shop, some("suite-basic", 5), some("dock"))
    for actor in (shop.operator, shop.reseller, shop.customer):
        page = await engine.read(actor, find_orders, FindOrders())
        assert page.items == [await engine.read(actor, get_order, order.id)]
        assert {len(line.prices) for line in page.items[0].lines} == {1 if actor is shop.customer else 2}


async def test_reading_lists_and_histories_needs_the_permission(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    order = await a_draft(engine, shop)
    nobody = may(shop.reseller, permissions.ORDERS_WRITE)
    with pytest.raises(PermissionMissing):
        await engine.read(nobody, find_orders, FindOrders())
    with pytest.raises(PermissionMissing):
        await engine.read(nobody, history, OrderHistory(order.id))


async def test_a_history_has_pages(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    order = await a_placed_order(engine, shop, some(), some("dock"))
    whole = await engine.read(shop.customer, history, OrderHistory(order.id))
    assert len(whole.items) == 4
    first = await engine.read(shop.customer, history, OrderHistory(order.id, PageRequest(3)))
    assert first.next_cursor is not None
    after = decode_cursor(first.next_cursor)
    second = await engine.read(shop.customer, history, OrderHistory(order.id, PageRequest(3, after)))
    assert [*first.items, *second.items] == whole.items
    assert second.next_cursor is None


async def test_every_read_is_one_round_trip(engine: Engine, owner: Owner, meters: list[Meter]) -> None:
    shop = a_shop(owner)
    order = await a_placed_order(engine, shop, some(), some("dock"))
    await engine.read(shop.reseller, get_order, order.id)
    assert (meters[-1].round_trips, meters[-1].statements) == (1, 2)
    await engine.read(shop.reseller, find_orders, FindOrders())
    assert (meters[-1].round_trips, meters[-1].statements) == (1, 2)
    await engine.read(shop.reseller, history, OrderHistory(order.id))
    assert (meters[-1].round_trips, meters[-1].statements) == (1, 2)
