from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from chandlery.engine.unit_of_work import Engine, Meter
from chandlery.identity import permissions
from chandlery.kernel.clock import FixedClock
from chandlery.kernel.errors import PermissionMissing, VersionStale
from chandlery.kernel.ids import LineId, SubscriptionId, new_id
from chandlery.ordering.cancellation import Cancel, cancel
from chandlery.ordering.errors import (
    LineNotReady,
    LinesUnderWay,
    LineUnknown,
    OrderFinished,
    OrderInvalid,
    OrderUnknown,
)
from chandlery.ordering.progress import LineProgress, record
from chandlery.ordering.queries import OrderHistory, get_order, history
from chandlery.ordering.status import LineStatus, WaitingFor
from tests.conftest import NOW
from tests.ordering.builders import a_draft, a_placed_order, a_shop, may, moved, some

Owner = psycopg.Connection[Any]
P, A, C, R, F, U = (
    LineStatus.IN_PROGRESS,
    LineStatus.ACCEPTED,
    LineStatus.COMPLETED,
    LineStatus.REFUSED,
    LineStatus.FAILED,
    LineStatus.UNKNOWN,
)


def statuses(order: Any) -> tuple[str, list[str]]:
    return order.status.value, [line.status.value for line in order.lines]


async def test_an_order_follows_its_lines_to_the_end(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    order = await a_placed_order(engine, shop, some(), some("dock"))
    order = await moved(engine, shop, order, 0, P)
    assert statuses(order) == ("in_progress", ["in_progress", "submitted"])
    order = await moved(engine, shop, order, 0, C)
    order = await moved(engine, shop, order, 1, P, A)
    assert statuses(order) == ("in_progress", ["completed", "accepted"])
    assert order.completed_at is None
    later = replace(engine, clock=FixedClock(NOW + timedelta(hours=1)))
    order = await moved(later, shop, order, 1, C)
    assert statuses(order) == ("completed", ["completed", "completed"])
    assert order.completed_at == NOW + timedelta(hours=1)
    assert await engine.read(shop.system, get_order, order.id) == order


async def test_each_step_is_in_the_history_and_so_is_what_it_means_for_the_order(
    engine: Engine, owner: Owner
) -> None:
    shop = a_shop(owner)
    order = await a_placed_order(engine, shop)
    line = order.lines[0].id
    due, subscription = NOW + timedelta(minutes=1), SubscriptionId(new_id())
    for progress in (
        LineProgress(order.id, line, P, waiting_for=WaitingFor.VENDOR),
        LineProgress(order.id, line, P, "vendor is busy", WaitingFor.WORKER, due),
        LineProgress(order.id, line, U, "no answer", WaitingFor.OPERATOR),
        LineProgress(order.id, line, A, waiting_for=WaitingFor.VENDOR),
        LineProgress(order.id, line, C, subscription_id=subscription),
    ):
        await engine.perform(shop.system, record, progress)
    page = await engine.read(shop.customer, history, OrderHistory(order.id))
    found = [
        (e.type, {k: v for k, v in e.data.items() if k not in ("line_id", "position")}) for e in page.items
    ]
    number = {"number": order.number}
    expected: list[tuple[str, dict[str, Any]]] = [
        ("order.line_started", {"waiting_for": "vendor"}),
        ("order.in_progress", number),
        (
            "order.line_retrying",
            {"reason": "vendor is busy", "waiting_for": "worker", "due": "2026-11-20T12:01:00Z"},
        ),
        ("order.line_unknown", {"reason": "no answer", "waiting_for": "operator"}),
        ("order.needs_attention", number),
        ("order.line_accepted", {"waiting_for": "vendor"}),
        ("order.in_progress", number),
        ("order.line_completed", {"subscription_id": str(subscription)}),
        ("order.completed", number),
    ]
    assert [entry for entry in expected if entry not in found] == []
    assert len(found) == len(expected) + 3  # created, line added, submitted
    assert all(e.data["line_id"] == str(line) for e in page.items if "line_" in e.type)
    assert (await engine.read(shop.customer, get_order, order.id)).lines[0].subscription_id == subscription


async def test_a_line_says_why_it_is_waiting(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    order = await a_placed_order(engine, shop)
    due = NOW + timedelta(minutes=5)
    await moved(engine, shop, order, 0, P)
    command = LineProgress(order.id, order.lines[0].id, P, "vendor is busy", WaitingFor.WORKER, due)
    await engine.perform(shop.system, record, command)
    line = (await engine.read(shop.customer, get_order, order.id)).lines[0]
    assert (line.status, line.reason, line.waiting_for, line.due) == (P, "vendor is busy", "worker", due)


@pytest.mark.parametrize(
    ("given", "kept"),
    [("two\nlines\0\ud800", "two lines"), ("x" * 5000, "x" * 1000), ("\n", None), ("", None)],
)
async def test_whatever_a_vendor_gives_as_reason_is_kept_as_one_printable_line(
    engine: Engine, owner: Owner, given: str, kept: str | None
) -> None:
    shop = a_shop(owner)
    order = await a_placed_order(engine, shop)
    command = LineProgress(order.id, order.lines[0].id, R, given)
    await engine.perform(shop.system, record, command)
    assert (await engine.read(shop.customer, get_order, order.id)).lines[0].reason == kept


async def test_recording_the_same_twice_changes_nothing(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    order = await a_placed_order(engine, shop)
    command = LineProgress(order.id, order.lines[0].id, P, waiting_for=WaitingFor.VENDOR)
    first = (await engine.perform(shop.system, record, command)).result
    second = (await engine.perform(shop.system, record, command)).result
    assert first == second
    page = await engine.read(shop.customer, history, OrderHistory(order.id))
    assert [entry.type for entry in page.items].count("order.line_started") == 1


@pytest.mark.parametrize(
    ("path", "goal"),
    [([], C), ([], A), ([P, C], P), ([P, A], P), ([P, R], C), ([P, F], U), ([], LineStatus.CANCELLED)],
)
async def test_a_line_takes_no_short_cuts(
    engine: Engine, owner: Owner, path: list[LineStatus], goal: LineStatus
) -> None:
    shop = a_shop(owner)
    order = await moved(engine, shop, await a_placed_order(engine, shop), 0, *path)
    with pytest.raises(LineNotReady):
        await moved(engine, shop, order, 0, goal)
    assert statuses(await engine.read(shop.system, get_order, order.id)) == statuses(order)


async def test_progress_is_recorded_by_those_who_may_operate_fulfilment(engine: Engine, owner: Owner) -> None:
    shop, other = a_shop(owner), a_shop(owner)
    order = await a_placed_order(engine, shop)
    command = LineProgress(order.id, order.lines[0].id, P)
    with pytest.raises(PermissionMissing):
        await engine.perform(shop.operator, record, command)
    with pytest.raises(OrderUnknown):
        await engine.perform(other.system, record, command)
    with pytest.raises(LineUnknown):
        await engine.perform(shop.system, record, LineProgress(order.id, LineId(new_id()), P))
    operating = may(shop.operator, permissions.FULFILMENT_OPERATE)
    assert (await engine.perform(operating, record, command)).result.status == "in_progress"


async def test_an_order_that_nobody_has_started_is_cancelled(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    order = await a_placed_order(engine, shop, some(), some("dock"))
    order = (await engine.perform(shop.customer, cancel, Cancel(order.id, "wrong size", 2))).result
    assert statuses(order) == ("cancelled", ["cancelled", "cancelled"])
    assert await engine.read(shop.customer, get_order, order.id) == order
    page = await engine.read(shop.customer, history, OrderHistory(order.id))
    types = [entry.type for entry in page.items]
    assert (types.count("order.line_cancelled"), types.count("order.cancelled")) == (2, 1)
    told = next(entry for entry in page.items if entry.type == "order.line_cancelled")
    assert told.data["reason"] == "wrong size"


async def test_completed_lines_survive_cancelling_the_rest(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    order = await a_placed_order(engine, shop, some(), some("dock"))
    await moved(engine, shop, order, 0, P, C)
    order = (await engine.perform(shop.reseller, cancel, Cancel(order.id))).result
    assert statuses(order) == ("completed", ["completed", "cancelled"])
    with pytest.raises(OrderFinished):
        await engine.perform(shop.reseller, cancel, Cancel(order.id))


@pytest.mark.parametrize("path", [[P], [P, A], [P, U]])
async def test_nothing_is_cancelled_that_a_vendor_may_have(
    engine: Engine, owner: Owner, path: list[LineStatus]
) -> None:
    shop = a_shop(owner)
    order = await moved(engine, shop, await a_placed_order(engine, shop, some(), some("dock")), 1, *path)
    with pytest.raises(LinesUnderWay) as refused:
        await engine.perform(shop.reseller, cancel, Cancel(order.id))
    assert refused.value.given == f"line 2 {path[-1]}"
    assert await engine.read(shop.system, get_order, order.id) == order


async def test_a_refused_line_can_be_cancelled_or_tried_again(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    order = await moved(engine, shop, await a_placed_order(engine, shop), 0, P, R)
    assert order.status == "needs_attention"
    order = await moved(engine, shop, order, 0, P, F)
    assert order.status == "needs_attention"
    order = (await engine.perform(shop.reseller, cancel, Cancel(order.id))).result
    assert order.status == "cancelled"


async def test_of_cancelling_and_starting_at_the_same_time_one_wins(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    for _ in range(5):
        order = await a_placed_order(engine, shop)
        outcomes = await asyncio.gather(
            engine.perform(shop.reseller, cancel, Cancel(order.id)),
            engine.perform(shop.system, record, LineProgress(order.id, order.lines[0].id, P)),
            return_exceptions=True,
        )
        seen = await engine.read(shop.reseller, get_order, order.id)
        refused = [type(outcome) for outcome in outcomes if isinstance(outcome, Exception)]
        assert (seen.status, refused) in (("cancelled", [LineNotReady]), ("in_progress", [LinesUnderWay]))


async def test_cancelling_a_draft_deletes_it(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    draft = await a_draft(engine, shop, some())
    assert (await engine.perform(shop.reseller, cancel, Cancel(draft.id))).result.status == "cancelled"
    with pytest.raises(OrderUnknown):
        await engine.read(shop.reseller, get_order, draft.id)


async def test_cancelling_needs_its_permission_the_version_and_a_decent_reason(
    engine: Engine, owner: Owner
) -> None:
    shop = a_shop(owner)
    order = await a_placed_order(engine, shop)
    with pytest.raises(PermissionMissing) as refused:
        await engine.perform(may(shop.reseller, permissions.ORDERS_WRITE), cancel, Cancel(order.id))
    assert refused.value.facts == {"permission": "orders:cancel"}
    with pytest.raises(VersionStale):
        await engine.perform(shop.reseller, cancel, Cancel(order.id, expected_version=1))
    for reason in ("x" * 501, "nul\0"):
        with pytest.raises(OrderInvalid):
            await engine.perform(shop.reseller, cancel, Cancel(order.id, reason))


async def test_what_progress_and_cancelling_cost_in_round_trips(
    engine: Engine, owner: Owner, meters: list[Meter]
) -> None:
    shop = a_shop(owner)
    order = await a_placed_order(engine, shop, some(), some("dock"))
    await moved(engine, shop, order, 0, P)
    assert (meters[-1].round_trips, meters[-1].statements) == (2, 7)
    await moved(engine, shop, order, 0, C)
    await engine.perform(shop.reseller, cancel, Cancel(order.id))
    assert (meters[-1].round_trips, meters[-1].statements) == (2, 7)
