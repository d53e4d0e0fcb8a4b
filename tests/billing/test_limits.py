from __future__ import annotations

from typing import Any

import psycopg
import pytest

from chandlery.billing.errors import CreditLimitInvalid, CreditLimitTaken, CreditLimitUnknown
from chandlery.billing.limits import (
    ChangeLimit,
    FindLimits,
    RemoveLimit,
    SetLimit,
    change_limit,
    find_limits,
    get_limit,
    remove_limit,
    set_limit,
)
from chandlery.engine.unit_of_work import Engine
from chandlery.kernel.errors import PermissionMissing, VersionStale
from chandlery.kernel.ids import OrganizationId, new_id
from tests.ordering.builders import may
from tests.ordering.terms import a_ruled_shop

Owner = psycopg.Connection[Any]


async def test_a_limit_is_seen_by_its_two_parties_alone(engine: Engine, owner: Owner) -> None:
    shop, other = a_ruled_shop(owner), a_ruled_shop(owner)
    command = SetLimit(shop.customer.organization_id, "USD", 100_000)
    limit = (await engine.perform(shop.reseller, set_limit, command)).result
    assert (limit.used_minor, limit.available_minor, limit.period, limit.beyond) == (
        0,
        100_000,
        "open",
        "refuse",
    )
    for party, side in ((shop.reseller, "issued"), (shop.customer, "received")):
        assert await engine.read(party, get_limit, limit.id) == limit
        found = await engine.read(party, find_limits, FindLimits(side))  # type: ignore[arg-type]  # a literal
        assert list(found.items) == [limit]
    for stranger in (shop.operator, other.reseller):
        with pytest.raises(CreditLimitUnknown):
            await engine.read(stranger, get_limit, limit.id)


async def test_a_limit_is_changed_and_removed_by_its_issuer_alone(engine: Engine, owner: Owner) -> None:
    shop = a_ruled_shop(owner)
    command = SetLimit(shop.customer.organization_id, "USD", 100_000)
    limit = (await engine.perform(shop.reseller, set_limit, command)).result
    for stranger in (shop.operator, shop.customer):
        with pytest.raises(CreditLimitUnknown):
            await engine.perform(stranger, change_limit, ChangeLimit(limit.id, 10**9))
        with pytest.raises(CreditLimitUnknown):
            await engine.perform(stranger, remove_limit, RemoveLimit(limit.id))
    with pytest.raises(VersionStale):
        await engine.perform(shop.reseller, change_limit, ChangeLimit(limit.id, 5, expected_version=4))
    changed = (await engine.perform(shop.reseller, change_limit, ChangeLimit(limit.id, 5, "hold"))).result
    assert (changed.amount_minor, changed.beyond, changed.version) == (5, "hold", 2)
    await engine.perform(shop.reseller, remove_limit, RemoveLimit(limit.id, 2))
    with pytest.raises(CreditLimitUnknown):
        await engine.read(shop.reseller, get_limit, limit.id)


async def test_one_limits_those_directly_below_and_oneself(engine: Engine, owner: Owner) -> None:
    shop = a_ruled_shop(owner)
    for recipient in (shop.reseller, shop.operator):
        command = SetLimit(recipient.organization_id, "USD", 1)
        assert (await engine.perform(shop.operator, set_limit, command)).result.amount_minor == 1
    unfit = (shop.customer.organization_id, OrganizationId(new_id()))
    for organization_id in unfit:
        with pytest.raises(CreditLimitInvalid) as refused:
            await engine.perform(shop.operator, set_limit, SetLimit(organization_id, "USD", 1))
        assert [problem.field for problem in refused.value.problems] == ["recipient_id"]
    with pytest.raises(CreditLimitInvalid):
        await engine.perform(shop.customer, set_limit, SetLimit(shop.reseller.organization_id, "USD", 1))


async def test_there_is_one_limit_for_a_recipient_currency_and_period(engine: Engine, owner: Owner) -> None:
    shop = a_ruled_shop(owner)
    me = shop.customer.organization_id
    for command in (SetLimit(me, "USD", 1), SetLimit(me, "EUR", 1), SetLimit(me, "USD", 1, "month")):
        await engine.perform(shop.reseller, set_limit, command)
    with pytest.raises(CreditLimitTaken):
        await engine.perform(shop.reseller, set_limit, SetLimit(me, "USD", 2))


async def test_every_problem_of_a_limit_is_named_at_once(engine: Engine, owner: Owner) -> None:
    shop = a_ruled_shop(owner)
    command = SetLimit(shop.customer.organization_id, "dollars", -1, "week", "ask")  # type: ignore[arg-type]
    with pytest.raises(CreditLimitInvalid) as refused:
        await engine.perform(shop.reseller, set_limit, command)
    assert [problem.field for problem in refused.value.problems] == [
        "currency",
        "amount_minor",
        "period",
        "beyond",
    ]
    with pytest.raises(PermissionMissing):
        await engine.perform(may(shop.reseller, "credit:read"), set_limit, command)
