"""What someone keeps: made once per line, changed by fulfilled lines, seen by the owner and those above."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from chandlery.engine.unit import Meter
from chandlery.engine.unit_of_work import Engine
from chandlery.identity import permissions
from chandlery.kernel.errors import PermissionMissing
from chandlery.kernel.ids import LineId, OrderId, PlanId, SubscriptionId, new_id
from chandlery.kernel.page import PageRequest, decode_cursor
from chandlery.subscriptions.activation import Activate, activate
from chandlery.subscriptions.changes import ChangeQuantity, change_quantity
from chandlery.subscriptions.errors import SubscriptionNotActive, SubscriptionUnknown, TermUnreadable
from chandlery.subscriptions.queries import (
    FindSubscriptions,
    find_subscriptions,
    get_of_line,
    get_subscription,
)
from chandlery.subscriptions.subscription import Status, term_end
from tests.builders import Tenant, a_tenant, allowed
from tests.conftest import NOW

Owner = psycopg.Connection[Any]


def an_activation(tenant: Tenant, quantity: int = 5, term: str = "P1Y") -> Activate:
    return Activate(
        customer_id=tenant.customer.organization_id,
        order_id=OrderId(new_id()),
        line_id=LineId(new_id()),
        plan_id=PlanId(new_id()),
        plan_code="mail:P1Y:monthly",
        name="Mail",
        quantity=quantity,
        term=term,
        billing_cycle="monthly",
        provider="sandbox",
        vendor_reference="SBX-1",
    )


async def active(engine: Engine, tenant: Tenant, command: Activate) -> SubscriptionId:
    return (await engine.perform(tenant.system, activate, command)).result


async def test_a_fulfilled_line_becomes_an_active_subscription(
    engine: Engine, tenant: Tenant, owner: Owner
) -> None:
    command = an_activation(tenant)
    made = await active(engine, tenant, command)
    reader = allowed(tenant.customer, permissions.SUBSCRIPTIONS_READ)
    found = await engine.read(reader, get_subscription, made)
    assert (found.customer_id, found.plan_code, found.quantity) == (
        tenant.customer.organization_id,
        "mail:P1Y:monthly",
        5,
    )
    assert (found.status, found.auto_renew, found.started_at) == (Status.ACTIVE, True, NOW)
    assert found.term_ends_at == datetime(2027, 11, 20, 12, 0, tzinfo=UTC)
    assert found == await engine.read(reader, get_of_line, command.line_id)
    events = owner.execute("SELECT type, owner_id FROM events WHERE subject_id = %s", (made,)).fetchall()
    assert events == [("subscription.activated", tenant.customer.organization_id)]


async def test_the_same_line_makes_one_subscription_however_often_it_is_said(
    engine: Engine, tenant: Tenant, owner: Owner
) -> None:
    command = an_activation(tenant)
    assert await active(engine, tenant, command) == await active(
        engine, tenant, replace(command, quantity=99)
    )
    count = owner.execute(
        "SELECT count(*), max(quantity) FROM subscriptions WHERE line_id = %s", (command.line_id,)
    ).fetchone()
    assert count == (1, 5)
    events = owner.execute("SELECT count(*) FROM events WHERE tenant_id = %s", (tenant.id,)).fetchone()
    assert events == (1,)


async def test_a_change_sets_the_quantity_once(engine: Engine, tenant: Tenant, owner: Owner) -> None:
    made = await active(engine, tenant, an_activation(tenant))
    change = ChangeQuantity(made, 8, OrderId(new_id()))
    assert (await engine.perform(tenant.system, change_quantity, change)).result.version == 2
    assert (await engine.perform(tenant.system, change_quantity, change)).result.version == 2
    facts = owner.execute(
        "SELECT data->'quantity', data->'quantity_before' FROM events WHERE subject_id = %s AND type LIKE '%%.changed'",
        (made,),
    ).fetchall()
    assert facts == [(8, 5)]


async def test_what_is_not_active_cannot_be_changed(engine: Engine, tenant: Tenant, owner: Owner) -> None:
    made = await active(engine, tenant, an_activation(tenant))
    owner.execute("UPDATE subscriptions SET status = 'cancelled' WHERE id = %s", (made,))
    with pytest.raises(SubscriptionNotActive):
        await engine.perform(tenant.system, change_quantity, ChangeQuantity(made, 8, OrderId(new_id())))


async def test_a_list_is_read_page_by_page_and_one_round_trip_each(
    engine: Engine, tenant: Tenant, meters: list[Meter]
) -> None:
    made = [await active(engine, tenant, an_activation(tenant, quantity)) for quantity in (1, 2, 3)]
    reader = allowed(tenant.reseller, permissions.SUBSCRIPTIONS_READ)
    wanted = FindSubscriptions(tenant.customer.organization_id, Status.ACTIVE, PageRequest(2))
    first = await engine.read(reader, find_subscriptions, wanted)
    assert meters[-1].round_trips == 1
    assert first.next_cursor is not None
    rest = await engine.read(
        reader,
        find_subscriptions,
        replace(wanted, page=PageRequest(2, decode_cursor(first.next_cursor))),
    )
    assert [s.id for s in (*first.items, *rest.items)] == sorted(made)  # all of one moment: the id decides
    assert rest.next_cursor is None


async def test_a_foreign_subscription_does_not_exist(engine: Engine, tenant: Tenant, owner: Owner) -> None:
    made = await active(engine, tenant, an_activation(tenant))
    stranger = allowed(a_tenant(owner).operator, permissions.SUBSCRIPTIONS_READ)
    with pytest.raises(SubscriptionUnknown):
        await engine.read(stranger, get_subscription, made)
    assert list((await engine.read(stranger, find_subscriptions, FindSubscriptions())).items) == []


async def test_reading_and_writing_need_their_permissions(engine: Engine, tenant: Tenant) -> None:
    with pytest.raises(PermissionMissing):
        await engine.read(tenant.customer, find_subscriptions, FindSubscriptions())
    with pytest.raises(PermissionMissing):
        await engine.perform(tenant.customer, activate, an_activation(tenant))


@pytest.mark.parametrize(
    ("begun", "term", "ends"),
    [
        ("2026-01-31", "P1M", "2026-02-28"),
        ("2024-02-29", "P1Y", "2025-02-28"),
        ("2026-11-20", "P3Y", "2029-11-20"),
        ("2026-11-20", "P14M", "2028-01-20"),
        ("2026-11-20", "P2W", "2026-12-04"),
        ("2026-11-20", "P30D", "2026-12-20"),
    ],
)
def test_a_term_ends_on_the_calendar(begun: str, term: str, ends: str) -> None:
    start = datetime.fromisoformat(begun).replace(tzinfo=UTC)
    assert term_end(start, term) == datetime.fromisoformat(ends).replace(tzinfo=UTC)


def test_no_term_never_ends_and_nonsense_is_refused() -> None:
    assert term_end(NOW, "") is None
    for nonsense in ("P", "1Y", "PT5H", "P1Y2"):
        with pytest.raises(TermUnreadable):
            term_end(NOW, nonsense)
