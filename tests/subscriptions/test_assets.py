from __future__ import annotations

from typing import Any

import psycopg
import pytest

from chandlery.engine.unit_of_work import Engine, Meter, Unit
from chandlery.identity import permissions
from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import PermissionMissing, VersionStale
from chandlery.kernel.ids import AssetId, LineId, OrderId, PlanId, new_id
from chandlery.kernel.page import PageRequest, decode_cursor
from chandlery.subscriptions.asset import Asset, AssetStatus
from chandlery.subscriptions.assets import (
    FindAssets,
    Own,
    RetireAsset,
    TakeBack,
    find_assets,
    get_asset,
    own,
    retire_asset,
    take_back,
)
from chandlery.subscriptions.errors import AssetNotActive, AssetUnknown
from chandlery.subscriptions.queries import FindSubscriptions, find_subscriptions
from tests.builders import Tenant, a_tenant
from tests.conftest import NOW
from tests.ordering.builders import an_organization, may

Owner = psycopg.Connection[Any]


def a_purchase(tenant: Tenant, quantity: int = 1, **known: Any) -> Own:
    return Own(
        tenant.customer.organization_id,
        OrderId(new_id()),
        LineId(new_id()),
        PlanId(new_id()),
        "dock:one_time",
        "Dock",
        quantity,
        **known,
    )


async def make_own(unit: Unit, actor: Actor, command: Own) -> AssetId:
    """As a story does: it has read something before it says that something is owned."""
    await find_subscriptions(unit, actor, FindSubscriptions())
    return await own(unit, actor, command)


async def owned(engine: Engine, tenant: Tenant, command: Own) -> Asset:
    asset_id = (await engine.perform(tenant.system, make_own, command)).result
    return await engine.read(tenant.system, get_asset, asset_id)


async def test_what_is_owned_says_what_it_came_of(engine: Engine, owner: Owner) -> None:
    tenant = a_tenant(owner, permissions.EVERY)
    bought = a_purchase(tenant, 2, serial_numbers=("S-1", "S-2"), vendor_reference="V-1")
    asset = await owned(engine, tenant, bought)
    assert asset == Asset(
        asset.id,
        bought.customer_id,
        bought.order_id,
        bought.line_id,
        bought.plan_id,
        "dock:one_time",
        "Dock",
        2,
        NOW,
        serial_numbers=("S-1", "S-2"),
        vendor_reference="V-1",
    )
    for actor in (tenant.operator, tenant.reseller, tenant.customer):
        assert await engine.read(actor, get_asset, asset.id) == asset


async def test_a_line_has_one_asset_however_often_it_is_said(engine: Engine, owner: Owner) -> None:
    tenant = a_tenant(owner, permissions.EVERY)
    bought = a_purchase(tenant)
    asset = await owned(engine, tenant, bought)
    await engine.perform(tenant.system, make_own, bought)
    assert [one.id for one in (await engine.read(tenant.customer, find_assets, FindAssets())).items] == [
        asset.id
    ]


async def test_pieces_go_back_until_nothing_is_left(engine: Engine, owner: Owner) -> None:
    tenant = a_tenant(owner, permissions.EVERY)
    asset = await owned(engine, tenant, a_purchase(tenant, 3, serial_numbers=("a", "b", "c")))
    await engine.perform(tenant.system, take_back, [TakeBack(asset.line_id, 1, ("b",))])
    found = await engine.read(tenant.customer, get_asset, asset.id)
    assert (found.status, found.returned_quantity, found.serial_numbers, found.ended_at) == (
        AssetStatus.ACTIVE,
        1,
        ("a", "c"),
        None,
    )
    await engine.perform(
        tenant.system, take_back, [TakeBack(asset.line_id, 2), TakeBack(LineId(new_id()), 1)]
    )
    found = await engine.read(tenant.customer, get_asset, asset.id)
    assert (found.status, found.returned_quantity, found.ended_at) == (AssetStatus.RETURNED, 3, NOW)


async def test_an_asset_is_retired_once(engine: Engine, owner: Owner) -> None:
    tenant = a_tenant(owner, permissions.EVERY)
    asset = await owned(engine, tenant, a_purchase(tenant))
    with pytest.raises(VersionStale):
        await engine.perform(tenant.customer, retire_asset, RetireAsset(asset.id, expected_version=2))
    weak = may(tenant.customer, permissions.ASSETS_READ)
    with pytest.raises(PermissionMissing):
        await engine.perform(weak, retire_asset, RetireAsset(asset.id))
    retired = (await engine.perform(tenant.customer, retire_asset, RetireAsset(asset.id))).result
    assert (retired.status, retired.ended_at) == (AssetStatus.RETIRED, NOW)
    with pytest.raises(AssetNotActive):
        await engine.perform(tenant.customer, retire_asset, RetireAsset(asset.id))
    kinds = owner.execute("SELECT type FROM events WHERE subject_id = %s ORDER BY id", (asset.id,)).fetchall()
    assert [kind for (kind,) in kinds] == ["asset.created", "asset.retired"]


async def test_assets_are_listed_newest_first_to_those_who_see_their_owner(
    engine: Engine, owner: Owner, meters: list[Meter]
) -> None:
    tenant, other = a_tenant(owner, permissions.EVERY), a_tenant(owner, permissions.EVERY)
    assets = [await owned(engine, tenant, a_purchase(tenant)) for _ in range(3)]
    newest = [asset.id for asset in reversed(assets)]
    for actor in (tenant.operator, tenant.reseller, tenant.customer):
        page = await engine.read(actor, find_assets, FindAssets())
        assert [one.id for one in page.items] == newest
        assert meters[-1].round_trips == 1
        first = await engine.read(actor, find_assets, FindAssets(page=PageRequest(2)))
        assert first.next_cursor is not None
        rest = FindAssets(page=PageRequest(2, decode_cursor(first.next_cursor)))
        assert [one.id for one in (await engine.read(actor, find_assets, rest)).items] == newest[2:]
    wanted = FindAssets(tenant.customer.organization_id, assets[1].order_id, AssetStatus.ACTIVE)
    assert [one.id for one in (await engine.read(tenant.reseller, find_assets, wanted)).items] == [
        assets[1].id
    ]
    sibling = an_organization(owner, tenant.operator, "reseller")
    stranger = may(sibling, permissions.ASSETS_READ)
    for outsider in (other.operator, stranger):
        assert (await engine.read(outsider, find_assets, FindAssets())).items == []
        with pytest.raises(AssetUnknown):
            await engine.read(outsider, get_asset, assets[0].id)
