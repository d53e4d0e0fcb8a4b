from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from chandlery.engine.unit_of_work import Engine, Meter
from chandlery.identity import permissions
from chandlery.kernel.errors import PermissionMissing, Problem, VersionStale
from chandlery.kernel.ids import LineId, new_id
from chandlery.ordering.errors import (
    OnlySellersShip,
    OrderUnknown,
    RefundNotYours,
    ReturnInvalid,
    ReturnNotReady,
    ReturnUnknown,
)
from chandlery.ordering.order import Order
from chandlery.ordering.parcels import FindReturns, find_returns, get_return
from chandlery.ordering.queries import OrderHistory, history
from chandlery.ordering.return_request import (
    RETURN_MOVES,
    Refund,
    RefundChoice,
    Return,
    ReturnItem,
    ReturnReason,
    ReturnStatus,
)
from chandlery.ordering.returns import (
    MoveReturn,
    RefundReturn,
    RequestReturn,
    move_return,
    refund_return,
    request_return,
)
from chandlery.ordering.status import LineStatus
from chandlery.processes.take_back import ReceiveReturn, receive
from chandlery.subscriptions.asset import AssetStatus
from chandlery.subscriptions.assets import FindAssets, find_assets
from tests.catalog.builders import a_stock
from tests.conftest import NOW
from tests.ordering.builders import Shop, a_placed_order, an_organization, may, moved, some
from tests.ordering.goods import a_goods_shop, a_sold_order, asked_back, handling, now, shipped

Owner = psycopg.Connection[Any]
S = ReturnStatus


async def go(engine: Engine, shop: Shop, back: Return, *steps: ReturnStatus) -> Return:
    """The return after its seller has taken these steps."""
    for step in steps:
        if step is S.RECEIVED:
            back = (await engine.perform(shop.reseller, receive, ReceiveReturn(back.id))).result
        elif step is S.REFUNDED:
            back = (await engine.perform(shop.reseller, refund_return, RefundReturn(back.id))).result
        else:
            back = (await engine.perform(shop.reseller, move_return, MoveReturn(back.id, step))).result
    return back


async def a_shipped_order(engine: Engine, shop: Shop, *quantities: int) -> Order:
    order = await a_sold_order(engine, shop, *quantities)
    await shipped(engine, shop.reseller, order, *quantities)
    return await now(engine, shop, order.id)


async def test_a_return_goes_from_the_request_to_the_end(engine: Engine, owner: Owner) -> None:
    shop = a_goods_shop(owner)
    order = await a_sold_order(engine, shop, 3)
    await shipped(engine, shop.reseller, order, 3, serials=("S-1", "S-2"))
    back = await asked_back(engine, shop, order, 2, serials=("S-1",))
    assert (back.status, back.customer_id, back.requested_by) == (
        S.REQUESTED,
        order.customer_id,
        order.customer_id,
    )
    (item,) = back.items
    assert (item.line_id, item.quantity, item.reason, item.reason_code, item.serial_numbers) == (
        order.lines[0].id,
        2,
        ReturnReason.DEFECT,
        "DEF010",
        ("S-1",),
    )
    back = await go(engine, shop, back, S.APPROVED)
    assert (await now(engine, shop, order.id)).lines[0].returned_quantity == 0
    back = await go(engine, shop, back, S.RECEIVED)
    line = (await now(engine, shop, order.id)).lines[0]
    assert (line.status, line.shipped_quantity, line.returned_quantity) == (LineStatus.COMPLETED, 3, 2)
    (asset,) = (await engine.read(shop.customer, find_assets, FindAssets())).items
    assert (asset.returned_quantity, asset.serial_numbers, asset.status) == (2, ("S-2",), AssetStatus.ACTIVE)
    back = await go(engine, shop, back, S.REFUNDED, S.COMPLETED)
    assert (back.approved_at, back.received_at, back.refunded_at, back.closed_at) == (NOW,) * 4
    assert await engine.read(shop.reseller, get_return, back.id) == back
    page = await engine.read(shop.customer, history, OrderHistory(order.id))
    assert [
        entry.data["returned_quantity"] for entry in page.items if entry.type == "order.line_returned"
    ] == [2]
    told = owner.execute("SELECT type FROM events WHERE subject_id = %s ORDER BY id", (back.id,)).fetchall()
    assert [kind for (kind,) in told] == [
        f"return.{step}" for step in ("requested", "approved", "received", "refunded", "completed")
    ]


@pytest.mark.parametrize(
    ("so_far", "step"),
    [
        (path, step)
        for path in ((), (S.APPROVED,), (S.APPROVED, S.RECEIVED), (S.APPROVED, S.REFUNDED), (S.REJECTED,))
        for step in (S.APPROVED, S.RECEIVED, S.REFUNDED, S.COMPLETED, S.REJECTED)
    ],
)
async def test_a_return_moves_by_the_table_and_not_otherwise(
    engine: Engine, owner: Owner, so_far: tuple[ReturnStatus, ...], step: ReturnStatus
) -> None:
    shop = a_goods_shop(owner)
    order = await a_shipped_order(engine, shop, 1)
    back = await go(engine, shop, await asked_back(engine, shop, order, 1), *so_far)
    if step in RETURN_MOVES[back.status]:
        after = await go(engine, shop, back, step)
        refunded_first = step is S.RECEIVED and back.status is S.REFUNDED
        assert after.status is (S.REFUNDED if refunded_first else step)
    else:
        with pytest.raises(ReturnNotReady):
            await go(engine, shop, back, step)
        found = await engine.read(shop.reseller, get_return, back.id)
        assert (found.status, found.version) == (back.status, back.version)


async def test_no_more_comes_back_than_has_left(engine: Engine, owner: Owner) -> None:
    shop = a_goods_shop(owner)
    order = await a_sold_order(engine, shop, 5)
    await shipped(engine, shop.reseller, order, 3)
    first = await asked_back(engine, shop, order, 2)
    with pytest.raises(ReturnInvalid) as refused:
        await asked_back(engine, shop, order, 2)
    assert refused.value.problems == (
        Problem("items.0.quantity", "Only 1 pieces of this line can come back.", "quantity_exceeded"),
    )
    await go(engine, shop, first, S.REJECTED)
    await asked_back(engine, shop, order, 3)


async def test_what_was_delivered_otherwise_comes_back_too_and_a_subscription_does_not(
    engine: Engine, owner: Owner
) -> None:
    shop = a_goods_shop(owner)
    order = await a_placed_order(engine, shop, some("dock", 2), some("suite-basic", 2))
    with pytest.raises(ReturnInvalid):
        await asked_back(engine, shop, order, 1)
    for index in (0, 1):
        order = await moved(engine, shop, order, index, LineStatus.IN_PROGRESS, LineStatus.COMPLETED)
    await asked_back(engine, shop, order, 2)
    with pytest.raises(ReturnInvalid) as refused:
        await asked_back(engine, shop, order, 0, 1)
    assert [problem.code for problem in refused.value.problems] == ["quantity_exceeded"]


async def test_everything_that_is_wrong_with_a_request_is_named_at_once(engine: Engine, owner: Owner) -> None:
    shop = a_goods_shop(owner)
    order = await a_shipped_order(engine, shop, 2)
    line = order.lines[0].id
    items = [
        ReturnItem(line, 1, ReturnReason.RECALL, "x" * 51, "n" * 3000, ("a", "b")),
        ReturnItem(line, 2, ReturnReason.RECALL),
        ReturnItem(LineId(new_id()), 1, ReturnReason.RECALL),
    ]
    with pytest.raises(ReturnInvalid) as refused:
        await engine.perform(shop.customer, request_return, RequestReturn(order.id, items, "n" * 3000))
    assert [(problem.field, problem.code) for problem in refused.value.problems] == [
        ("note", "text"),
        ("items.0.reason_code", "text"),
        ("items.0.note", "text"),
        ("items.0.serial_numbers", "too_many"),
        ("items.1.quantity", "quantity_exceeded"),
        ("items.2.line_id", "line_unknown"),
    ]
    with pytest.raises(ReturnInvalid):
        await engine.perform(shop.customer, request_return, RequestReturn(order.id, []))


async def test_each_party_sees_what_it_owes_and_is_owed_and_no_other_figure(
    engine: Engine, owner: Owner
) -> None:
    shop = a_goods_shop(owner)
    order = await a_shipped_order(engine, shop, 3)
    back = await asked_back(engine, shop, order, 2)
    operator, reseller, customer = (
        actor.organization_id for actor in (shop.operator, shop.reseller, shop.customer)
    )
    bought = Refund(1, operator, reseller, "USD", 22000)
    sold = Refund(2, reseller, customer, "USD", 33000)
    for actor, expected in (
        (shop.operator, (bought,)),
        (shop.reseller, (bought, sold)),
        (shop.customer, (sold,)),
        (shop.system, (bought, sold)),
    ):
        assert (await engine.read(actor, get_return, back.id)).items[0].refunds == expected
    item = (await engine.read(shop.reseller, get_return, back.id)).items[0]
    assert (item.issued(reseller), item.recovered(reseller)) == (sold, bought)
    assert (item.issued(customer), item.recovered(customer)) == (sold, None)


async def test_a_seller_refunds_what_was_paid_or_less_and_says_why(engine: Engine, owner: Owner) -> None:
    shop = a_goods_shop(owner)
    order = await a_shipped_order(engine, shop, 3, 2)
    back = await go(engine, shop, await asked_back(engine, shop, order, 2, 1), S.APPROVED)
    with pytest.raises(ReturnInvalid) as refused:
        await engine.perform(
            shop.reseller,
            refund_return,
            RefundReturn(back.id, [RefundChoice(1, 33001), RefundChoice(9, 1), RefundChoice(2, -1)]),
        )
    assert [(problem.field, problem.code) for problem in refused.value.problems] == [
        ("refunds.1.position", "item_unknown"),
        ("refunds.0.refund_minor", "refund_exceeded"),
        ("refunds.2.refund_minor", "refund_exceeded"),
    ]
    choice = RefundChoice(1, 30000, "used", "Traces of use")
    back = (await engine.perform(shop.reseller, refund_return, RefundReturn(back.id, [choice]))).result
    assert back.status is S.REFUNDED
    seen = await engine.read(shop.customer, get_return, back.id)
    assert [
        (r.refund_minor, r.reduction_reason, r.reduction_text) for i in seen.items for r in i.refunds
    ] == [
        (30000, "used", "Traces of use"),
        (16500, "", ""),
    ]
    # The operator settles its own step with the reseller; the return itself is not its affair.
    again = (await engine.perform(shop.operator, refund_return, RefundReturn(back.id))).result
    assert (again.status, [refund.refund_minor for item in again.items for refund in item.refunds]) == (
        S.REFUNDED,
        [22000, 11000],
    )


async def test_nobody_answers_its_own_request(engine: Engine, owner: Owner) -> None:
    shop, other = a_goods_shop(owner), a_goods_shop(owner)
    order = await a_shipped_order(engine, shop, 2)
    back = await asked_back(engine, shop, order, 1)
    for use_case, command in (
        (move_return, MoveReturn(back.id, S.APPROVED)),
        (receive, ReceiveReturn(back.id)),
        (refund_return, RefundReturn(back.id)),
    ):
        with pytest.raises(OnlySellersShip):
            await engine.perform(shop.customer, use_case, command)  # type: ignore[arg-type]
        with pytest.raises(ReturnUnknown):
            await engine.perform(other.operator, use_case, command)  # type: ignore[arg-type]
        with pytest.raises(PermissionMissing):
            await engine.perform(may(shop.reseller, permissions.RETURNS_WRITE), use_case, command)  # type: ignore[arg-type]
    item = ReturnItem(order.lines[0].id, 1, ReturnReason.DEFECT)
    with pytest.raises(OrderUnknown):
        await engine.perform(other.reseller, request_return, RequestReturn(order.id, [item]))
    assert (
        await engine.perform(shop.customer, move_return, MoveReturn(back.id, S.CANCELLED))
    ).result.status is S.CANCELLED


async def test_who_has_sold_nothing_refunds_nothing(engine: Engine, owner: Owner) -> None:
    shop = a_goods_shop(owner)
    order = await a_shipped_order(engine, shop, 1)
    back = await go(engine, shop, await asked_back(engine, shop, order, 1), S.APPROVED)
    owner.execute("DELETE FROM return_refunds WHERE return_id = %s AND step = 1", (back.id,))
    with pytest.raises(RefundNotYours):
        await engine.perform(shop.operator, refund_return, RefundReturn(back.id))


async def test_a_rejection_says_why_and_an_old_version_is_not_answered(engine: Engine, owner: Owner) -> None:
    shop = a_goods_shop(owner)
    order = await a_shipped_order(engine, shop, 1)
    back = await asked_back(engine, shop, order, 1)
    with pytest.raises(VersionStale):
        await engine.perform(
            shop.reseller, move_return, MoveReturn(back.id, S.REJECTED, "too late", expected_version=2)
        )
    command = MoveReturn(back.id, S.REJECTED, "too late", expected_version=1)
    rejected = (await engine.perform(shop.reseller, move_return, command)).result
    assert (rejected.reason, rejected.closed_at, rejected.version) == ("too late", NOW, 2)


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_comes_back_in_whatever_order_no_more_is_owed_than_was_paid(
    engine: Engine, owner: Owner, seed: int
) -> None:
    chance = random.Random(seed)
    shop = a_goods_shop(owner)
    owner.execute("UPDATE list_prices SET cost = %s WHERE plan_id = %s", ("0.0037", shop.plans["scanner"]))
    order = await a_shipped_order(engine, shop, 700)
    paid = {1: 285, 2: 427}  # 700 times 0.00407 and 0.006105 dollars: no piece costs a whole number of cents
    open_returns: list[Return] = []
    for _ in range(30):
        if open_returns and chance.random() < 0.4:
            await go(engine, shop, open_returns.pop(chance.randrange(len(open_returns))), S.REJECTED)
            continue
        count = chance.randint(1, 60)
        try:
            open_returns.append(await asked_back(engine, shop, order, count))
        except ReturnInvalid:
            continue
        for step, amount in paid.items():
            owed = _owed(owner, order, step)
            assert owed <= amount
            assert max(value for value, pieces in _items(owner, order, step) if pieces == count) <= -(
                -amount * count // 700
            )
    left = 700 - sum(item.quantity for back in open_returns for item in back.items)
    if left:
        await asked_back(engine, shop, order, left)
    assert all(amount - 2 <= _owed(owner, order, step) <= amount for step, amount in paid.items())


async def test_all_pieces_together_are_worth_what_they_cost_together(engine: Engine, owner: Owner) -> None:
    shop = a_goods_shop(owner)
    owner.execute("UPDATE list_prices SET cost = %s WHERE plan_id = %s", ("0.0037", shop.plans["scanner"]))
    order = await a_shipped_order(engine, shop, 7)
    for _ in range(7):
        await asked_back(engine, shop, order, 1)
    assert _owed(owner, order, 2) == 4  # 7 times 0.006105 dollars
    assert sorted(value for value, _ in _items(owner, order, 2)) == [0, 0, 0, 1, 1, 1, 1]


async def test_what_comes_back_is_on_its_shelf_again_unless_it_is_not_fit_for_that(
    engine: Engine, owner: Owner
) -> None:
    shop = a_goods_shop(owner)
    shelf = a_stock(owner, shop.tenant, "scanner", 5)
    order = await a_shipped_order(engine, shop, 4)

    def left() -> Any:
        row = owner.execute("SELECT quantity FROM stock WHERE id = %s", (shelf,)).fetchone()
        return row and row[0]

    assert left() == 1
    fit = await go(engine, shop, await asked_back(engine, shop, order, 1), S.APPROVED, S.RECEIVED)
    assert (fit.status, left()) == (S.RECEIVED, 2)
    broken = await go(engine, shop, await asked_back(engine, shop, order, 2), S.APPROVED)
    await engine.perform(shop.reseller, receive, ReceiveReturn(broken.id, restock=False))
    assert left() == 2


async def test_all_of_an_asset_gone_back_is_an_asset_returned(engine: Engine, owner: Owner) -> None:
    shop = a_goods_shop(owner)
    order = await a_shipped_order(engine, shop, 2)
    for _ in range(2):
        await go(engine, shop, await asked_back(engine, shop, order, 1), S.APPROVED, S.RECEIVED)
    (asset,) = (await engine.read(shop.customer, find_assets, FindAssets())).items
    assert (asset.status, asset.returned_quantity, asset.ended_at) == (AssetStatus.RETURNED, 2, NOW)


async def test_of_many_who_send_the_same_pieces_back_only_as_many_as_there_are(
    engine: Engine, owner: Owner
) -> None:
    shop = a_goods_shop(owner)
    order = await a_shipped_order(engine, shop, 3)
    outcomes = await asyncio.gather(
        *(asked_back(engine, shop, order, 1) for _ in range(10)), return_exceptions=True
    )
    assert sum(isinstance(outcome, Return) for outcome in outcomes) == 3
    assert {type(o) for o in outcomes if isinstance(o, BaseException)} == {ReturnInvalid}


async def test_a_return_is_seen_by_those_who_see_its_order(engine: Engine, owner: Owner) -> None:
    shop, other = a_goods_shop(owner), a_goods_shop(owner)
    order = await a_shipped_order(engine, shop, 1)
    back = await asked_back(engine, shop, order, 1)
    for actor in (shop.operator, shop.reseller, shop.customer):
        for wanted in (FindReturns(), FindReturns(order_id=order.id), FindReturns(status=(S.REQUESTED,))):
            found = await engine.read(actor, find_returns, wanted)
            assert [one.id for one in found.items] == [back.id]
    for stranger in (
        other.operator,
        other.customer,
        handling(an_organization(owner, shop.operator, "reseller")),
    ):
        assert (await engine.read(stranger, find_returns, FindReturns())).items == []
        with pytest.raises(ReturnUnknown):
            await engine.read(stranger, get_return, back.id)


async def test_what_a_return_costs_in_round_trips(engine: Engine, owner: Owner, meters: list[Meter]) -> None:
    shop = a_goods_shop(owner)
    order = await a_shipped_order(engine, shop, 1)
    back = await asked_back(engine, shop, order, 1)
    assert meters[-1].round_trips == 3
    await go(engine, shop, back, S.APPROVED)
    assert meters[-1].round_trips == 2
    await go(engine, shop, back, S.RECEIVED)
    assert meters[-1].round_trips == 4
    await go(engine, shop, replace(back), S.REFUNDED)
    assert meters[-1].round_trips == 2
    await engine.read(shop.reseller, find_returns, FindReturns())
    assert meters[-1].round_trips == 1


def _owed(owner: Owner, order: Order, step: int) -> int:
    return sum(value for value, _ in _items(owner, order, step))


def _items(owner: Owner, order: Order, step: int) -> list[tuple[int, int]]:
    return owner.execute(
        "SELECT f.paid_minor, i.quantity FROM return_refunds f JOIN return_items i USING (return_id, position)"
        " JOIN returns r ON r.id = i.return_id"
        " WHERE r.order_id = %s AND f.step = %s AND r.status NOT IN ('rejected', 'cancelled')",
        (order.id, step),
    ).fetchall()
