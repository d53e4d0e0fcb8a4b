"""An order belongs to a channel of its seller: the one that it names, else the default one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import psycopg
import pytest

from chandlery.engine.unit_of_work import Engine, Meter
from chandlery.identity import permissions
from chandlery.identity.channels import AddChannel, ChangeChannel, Channel, add_channel, change_channel
from chandlery.kernel.actor import Actor
from chandlery.kernel.ids import ChannelId, new_id
from chandlery.ordering.drafts import OpenDraft, open_draft
from chandlery.ordering.errors import OrderInvalid
from chandlery.ordering.order import Order
from chandlery.ordering.queries import FindOrders, OrderFilter, find_orders, get_order
from tests.ordering.builders import Shop, a_draft, a_shop

Owner = psycopg.Connection[Any]


async def a_channel(engine: Engine, actor: Actor, name: str) -> Channel:
    clerk = replace(actor, permissions=permissions.EVERY)
    return (await engine.perform(clerk, add_channel, AddChannel(actor.organization_id, name))).result


async def orders_in(engine: Engine, shop: Shop, channel: Channel) -> list[Order]:
    wanted = FindOrders(OrderFilter(channel_id=channel.id))
    return list((await engine.read(shop.reseller, find_orders, wanted)).items)


async def test_an_order_without_a_channel_belongs_to_the_default_one(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    store = await a_channel(engine, shop.reseller, "Store")
    phone = await a_channel(engine, shop.reseller, "Phone")
    without = await a_draft(engine, shop)
    by_phone = await a_draft(engine, shop, channel_id=phone.id)
    in_store = await a_draft(engine, shop, channel_id=store.id)
    assert [order.id for order in await orders_in(engine, shop, store)] == [in_store.id, without.id]
    assert [order.id for order in await orders_in(engine, shop, phone)] == [by_phone.id]
    read = await engine.read(shop.reseller, get_order, by_phone.id)
    assert (read.channel_id, without.channel_id) == (phone.id, None)


async def test_a_buyer_orders_through_a_channel_of_its_seller(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    store = await a_channel(engine, shop.reseller, "Store")
    command = OpenDraft(shop.customer.organization_id, channel_id=store.id)
    assert (await engine.perform(shop.customer, open_draft, command)).result.channel_id == store.id


@pytest.mark.parametrize("whose", ["nobody's", "another seller's", "closed"])
async def test_a_channel_that_is_not_the_seller_s_or_closed_is_refused(
    engine: Engine, owner: Owner, whose: str
) -> None:
    shop = a_shop(owner)
    await a_channel(engine, shop.reseller, "Default")
    if whose == "nobody's":
        channel_id = ChannelId(new_id())
    elif whose == "another seller's":
        channel_id = (await a_channel(engine, shop.operator, "Wholesale")).id
    else:
        channel_id = (await a_channel(engine, shop.reseller, "Fair")).id
        clerk = replace(shop.reseller, permissions=permissions.EVERY)
        await engine.perform(clerk, change_channel, ChangeChannel(channel_id, status="closed"))
    for actor in (shop.operator, shop.reseller):
        with pytest.raises(OrderInvalid) as refused:
            await engine.perform(
                actor, open_draft, OpenDraft(shop.customer.organization_id, channel_id=channel_id)
            )
        assert [problem.field for problem in refused.value.problems] == ["channel_id"]


async def test_a_channel_costs_one_statement_and_no_round_trip(
    engine: Engine, owner: Owner, meters: list[Meter]
) -> None:
    shop = a_shop(owner)
    store = await a_channel(engine, shop.reseller, "Store")
    await a_draft(engine, shop)
    plain = meters[-1]
    await a_draft(engine, shop, channel_id=store.id)
    assert (meters[-1].round_trips, meters[-1].statements) == (plain.round_trips, plain.statements + 1)
