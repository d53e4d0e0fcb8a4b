"""Sales channels: one of them is the default, each has a number and words of its own."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from chandlery.engine.unit_of_work import Engine
from chandlery.identity.channels import (
    AddChannel,
    ChangeChannel,
    Channel,
    FindChannels,
    add_channel,
    change_channel,
    find_channels,
    get_channel,
)
from chandlery.identity.errors import (
    ChannelIsDefault,
    ChannelNumberTaken,
    ChannelUnfit,
    ChannelUnknown,
    OrganizationUnknown,
)
from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import PermissionMissing, VersionStale
from tests.builders import Tenant
from tests.identity.builders import everything


async def a_channel(engine: Engine, actor: Actor, name: str = "Store", **more: Any) -> Channel:
    command = AddChannel(actor.organization_id, name, **more)
    return (await engine.perform(everything(actor), add_channel, command)).result


async def changed(engine: Engine, actor: Actor, channel: Channel, **more: Any) -> Channel:
    command = ChangeChannel(channel.id, **more)
    return (await engine.perform(everything(actor), change_channel, command)).result


async def seen(engine: Engine, actor: Actor, **wanted: Any) -> list[Channel]:
    found = await engine.read(everything(actor), find_channels, FindChannels(**wanted))
    return list(found.items)


async def test_the_first_channel_is_the_default_until_another_is_made_it(
    engine: Engine, tenant: Tenant
) -> None:
    first = await a_channel(engine, tenant.reseller)
    second = await a_channel(engine, tenant.reseller, "Phone")
    assert (first.is_default, second.is_default) == (True, False)
    await changed(engine, tenant.reseller, second, is_default=True)
    third = await a_channel(engine, tenant.reseller, "Fair", is_default=True)
    now = {channel.name: channel.is_default for channel in await seen(engine, tenant.reseller)}
    assert now == {"Store": False, "Phone": False, "Fair": True}
    assert third.version == 1


async def test_of_two_first_channels_at_once_one_is_the_default(engine: Engine, tenant: Tenant) -> None:
    both = await asyncio.gather(*(a_channel(engine, tenant.reseller, name) for name in ("One", "Two")))
    assert sorted(channel.is_default for channel in both) == [False, True]


async def test_the_default_channel_stays_open_and_stays_the_default(engine: Engine, tenant: Tenant) -> None:
    default = await a_channel(engine, tenant.reseller)
    other = await a_channel(engine, tenant.reseller, "Phone")
    for refused in ({"status": "closed"}, {"is_default": False}):
        with pytest.raises(ChannelIsDefault):
            await changed(engine, tenant.reseller, default, **refused)
    closed = await changed(engine, tenant.reseller, other, status="closed")
    with pytest.raises(ChannelIsDefault):
        await changed(engine, tenant.reseller, closed, is_default=True)
    opened = await changed(engine, tenant.reseller, closed, status="active", expected_version=2)
    assert (opened.status, opened.version) == ("active", 3)
    with pytest.raises(VersionStale):
        await changed(engine, tenant.reseller, opened, name="Telephone", expected_version=2)


async def test_a_number_is_given_or_chosen_and_belongs_to_one_channel(engine: Engine, tenant: Tenant) -> None:
    given = await a_channel(engine, tenant.reseller)
    chosen = await a_channel(engine, tenant.reseller, number=7)
    assert given.number >= 10010
    assert chosen.number == 7
    with pytest.raises(ChannelNumberTaken):
        await a_channel(engine, tenant.operator, number=7)
    assert [c.id for c in await seen(engine, tenant.operator, number=7)] == [chosen.id]


async def test_a_channel_has_its_own_words_for_what_we_call_otherwise(engine: Engine, tenant: Tenant) -> None:
    channel = await a_channel(
        engine,
        tenant.reseller,
        naming={"order_states": {"completed": "Delivered", "in_progress": "Delivered"}, "carriers": {}},
    )
    assert channel.name_for("order_states", "completed") == "Delivered"
    assert channel.name_for("order_states", "draft") is None
    assert channel.keys_for("order_states", "Delivered") == ("completed", "in_progress")
    more = await changed(
        engine, tenant.reseller, channel, naming={"order_states": {}, "taxes": {"vat": "MwSt."}}
    )
    stored = await engine.read(everything(tenant.reseller), get_channel, channel.id)
    assert stored.naming == more.naming == {"taxes": {"vat": "MwSt."}}


async def test_every_problem_of_a_channel_is_named_at_once(engine: Engine, tenant: Tenant) -> None:
    with pytest.raises(ChannelUnfit) as refused:
        await a_channel(
            engine,
            tenant.reseller,
            " ",
            number=0,
            naming={"colours": {}, "taxes": {"vat": "x" * 513}, "carriers": {"a\nb": "DHL"}},
        )
    fields = [problem.field for problem in refused.value.problems]
    assert fields == ["name", "number", "naming.colours", "naming.taxes.vat", "naming.carriers.a\nb"]


async def test_only_who_sells_has_channels(engine: Engine, tenant: Tenant) -> None:
    with pytest.raises(ChannelUnfit):
        await a_channel(engine, tenant.customer)
    with pytest.raises(PermissionMissing):
        await engine.perform(tenant.reseller, add_channel, AddChannel(tenant.reseller.organization_id, "X"))


async def test_a_buyer_sees_the_channels_of_its_seller_and_of_nobody_above_that(
    engine: Engine, tenant: Tenant
) -> None:
    hidden = await a_channel(engine, tenant.operator, "Wholesale")
    shown = await a_channel(engine, tenant.reseller)
    assert [c.id for c in await seen(engine, tenant.customer)] == [shown.id]
    assert {c.id for c in await seen(engine, tenant.operator)} == {hidden.id, shown.id}
    with pytest.raises(ChannelUnknown):
        await engine.read(everything(tenant.customer), get_channel, hidden.id)
    with pytest.raises(ChannelUnknown):
        await changed(engine, tenant.customer, shown, name="Mine")
    with pytest.raises(OrganizationUnknown):
        await engine.perform(
            everything(tenant.customer), add_channel, AddChannel(tenant.reseller.organization_id, "Mine")
        )
