from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from chandlery.kernel.errors import Conflict
from chandlery.kernel.ids import LineId, OrderId, OrganizationId, PlanId, new_id
from chandlery.kernel.money import Money, owed
from chandlery.ordering.errors import LineNotReady, LinesUnderWay, OrderFinished, OrderNotDraft
from chandlery.ordering.line import Line, LinePrice
from chandlery.ordering.order import Order, Totals
from chandlery.ordering.status import (
    FINISHED,
    LINE_MOVES,
    ORDER_MOVES,
    UNDER_WAY,
    LineStatus,
    OrderStatus,
    WaitingFor,
    derive_status,
)
from tests.conftest import NOW

D, S, P, A, C, R, F, U, X = LineStatus
ME, BUYER, VENDOR_BUYER = (OrganizationId(new_id()) for _ in range(3))


def a_line(status: LineStatus = D, prices: tuple[LinePrice, ...] = (), position: int = 1) -> Line:
    return Line(
        id=LineId(new_id()),
        order_id=OrderId(new_id()),
        position=position,
        plan_id=PlanId(new_id()),
        plan_code="suite",
        sku_code="suite",
        name="Suite",
        provider="sandbox",
        quantity=1,
        unit="user",
        term="P1Y",
        billing_cycle="monthly",
        charge="recurring",
        status=status,
        prices=prices,
    )


def an_order(*statuses: LineStatus) -> Order:
    """An order with such lines, in the status that follows from them."""
    lines = tuple(a_line(status, position=position) for position, status in enumerate(statuses, 1))
    order = Order(OrderId(new_id()), "SO1000001", 1000001, BUYER, ME, ME, "USD", NOW, lines=lines)
    return replace(order, status=derive_status(statuses)) if D not in statuses and statuses else order


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ([S], "submitted"),
        ([S, S], "submitted"),
        ([S, P], "in_progress"),
        ([S, C], "in_progress"),
        ([A], "in_progress"),
        ([A, C], "in_progress"),
        ([C], "completed"),
        ([C, C], "completed"),
        ([C, X], "completed"),
        ([X, X], "cancelled"),
        ([R], "needs_attention"),
        ([F, P], "needs_attention"),
        ([U, C], "needs_attention"),
        ([R, X], "needs_attention"),
        ([S, X], "submitted"),
    ],
)
def test_the_status_of_an_order_follows_from_its_lines(lines: list[LineStatus], status: str) -> None:
    assert derive_status(lines) == status


@pytest.mark.parametrize("start", LineStatus)
@pytest.mark.parametrize("goal", LineStatus)
def test_a_line_moves_as_the_table_says_and_not_otherwise(start: LineStatus, goal: LineStatus) -> None:
    line = a_line(start)
    if goal is start or goal in LINE_MOVES[start]:
        assert line.become(goal).status is goal
    else:
        with pytest.raises(LineNotReady):
            line.become(goal)


def test_every_status_has_its_moves_and_every_move_a_status() -> None:
    assert set(LINE_MOVES) == set(LineStatus)
    assert set(ORDER_MOVES) == set(OrderStatus)
    assert {status for status, moves in ORDER_MOVES.items() if not moves} == FINISHED
    assert {goal for moves in LINE_MOVES.values() for goal in moves} == set(LineStatus) - {D}


def test_a_finished_line_stays_as_it_is() -> None:
    line = replace(a_line(C), reason="done")
    assert line.become(C, reason="again") is line


def test_a_waiting_line_says_why_and_for_whom() -> None:
    line = a_line(P).become(P, "vendor is busy", WaitingFor.WORKER, NOW + timedelta(minutes=5))
    assert (line.reason, line.waiting_for, line.due) == (
        "vendor is busy",
        "worker",
        NOW + timedelta(minutes=5),
    )
    assert line.become(C) == replace(line, status=C, reason=None, waiting_for=None, due=None)


@pytest.mark.parametrize("status", UNDER_WAY)
def test_an_order_that_a_vendor_may_have_is_not_cancelled(status: LineStatus) -> None:
    with pytest.raises(LinesUnderWay) as refused:
        an_order(S, status).cancel(NOW)
    assert refused.value.given == f"line 2 {status}"


@pytest.mark.parametrize("status", FINISHED)
def test_a_finished_order_is_not_cancelled(status: OrderStatus) -> None:
    with pytest.raises(OrderFinished):
        replace(an_order(S), status=status).cancel(NOW)


@pytest.mark.parametrize(
    ("before", "after", "status"),
    [
        ([S, S], [X, X], "cancelled"),
        ([C, S], [C, X], "completed"),
        ([F, S], [X, X], "cancelled"),
        ([R, C, X], [X, C, X], "completed"),
    ],
)
def test_cancelling_cancels_what_is_not_completed(
    before: list[LineStatus], after: list[LineStatus], status: str
) -> None:
    order = an_order(*before).cancel(NOW, "too late")
    assert [line.status for line in order.lines] == after
    assert order.status == status
    assert order.completed_at == (NOW if status == "completed" else None)
    assert {line.reason for line in order.lines if line.status is X} <= {"too late", None}


amounts = st.lists(
    st.tuples(st.decimals(min_value=0, max_value=10**6, places=6), st.integers(1, 10**6)), max_size=20
)


@settings(deadline=None)
@given(amounts, amounts)
def test_totals_are_the_exact_sum_of_the_viewers_own_steps(
    sold: list[tuple[Decimal, int]], bought: list[tuple[Decimal, int]]
) -> None:
    def price(
        step: int, issuer: OrganizationId, recipient: OrganizationId, rate: Decimal, count: int
    ) -> LinePrice:
        return LinePrice(step, issuer, recipient, rate, owed(rate, count, "USD").minor, "USD")

    lines = tuple(
        a_line(prices=(price(1, VENDOR_BUYER, ME, *cost), price(2, ME, BUYER, *sale)))
        for sale, cost in zip(sold, bought, strict=False)
    )
    order = replace(an_order(), lines=lines)
    sales = sum(owed(rate, count, "USD").minor for (rate, count), _ in zip(sold, bought, strict=False))
    costs = sum(owed(rate, count, "USD").minor for _, (rate, count) in zip(sold, bought, strict=False))
    assert order.totals(ME) == Totals(Money(sales, "USD"), Money(costs, "USD") if lines else None)
    assert order.totals(BUYER) == Totals(Money(sales, "USD"), None)
    assert order.totals(VENDOR_BUYER) == Totals(Money(costs, "USD"), None)


class LifeOfAnOrder(RuleBasedStateMachine):
    """Whatever is asked of an order, in whatever order, it moves by the tables or refuses."""

    @initialize(count=st.integers(1, 4))
    def open(self, count: int) -> None:
        self.order = an_order(*[D] * count)
        self.now = NOW
        self.seen = [self.order]

    def follow(self, order: Order) -> None:
        assert order is self.order or order.version == self.order.version + 1
        self.order = order
        self.now += timedelta(seconds=1)
        self.seen.append(order)

    @rule()
    def submit(self) -> None:
        if self.order.status is OrderStatus.DRAFT:
            self.follow(self.order.submit(self.now, self.order.lines))
        else:
            with pytest.raises(Conflict):
                self.order.submit(self.now, self.order.lines)

    @precondition(lambda self: self.order.status is not OrderStatus.DRAFT)
    @rule(index=st.integers(0, 3), goal=st.sampled_from([P, A, C, R, F, U]))
    def progress(self, index: int, goal: LineStatus) -> None:
        line = self.order.lines[index % len(self.order.lines)]
        if goal is line.status or goal in LINE_MOVES[line.status]:
            self.follow(self.order.progressed(line.become(goal), self.now))
        else:
            with pytest.raises(LineNotReady):
                line.become(goal)

    @precondition(lambda self: self.order.status is not OrderStatus.DRAFT)
    @rule()
    def cancel(self) -> None:
        statuses = {line.status for line in self.order.lines}
        if self.order.status in FINISHED or statuses & UNDER_WAY:
            with pytest.raises((OrderFinished, LinesUnderWay)):
                self.order.cancel(self.now)
        else:
            self.follow(self.order.cancel(self.now))
            assert {line.status for line in self.order.lines} <= {X, C}

    @invariant()
    def the_order_follows_its_lines(self) -> None:
        statuses = [line.status for line in self.order.lines]
        if self.order.status is OrderStatus.DRAFT:
            assert set(statuses) == {D}
            assert self.order.submitted_at is None
        else:
            assert self.order.status is derive_status(statuses)
            assert self.order.submitted_at is not None
            assert self.order.expires_at is None
        assert (self.order.status is OrderStatus.COMPLETED) == (self.order.completed_at is not None)

    @invariant()
    def it_has_moved_by_the_table_and_been_submitted_once(self) -> None:
        path = [self.seen[0].status]
        for order in self.seen[1:]:
            if order.status is not path[-1]:
                assert order.status in ORDER_MOVES[path[-1]]
                path.append(order.status)
        assert path.count(OrderStatus.SUBMITTED) <= 1
        if len(path) > 1:
            with pytest.raises(OrderNotDraft):
                self.order.as_draft()


LifeOfAnOrder.TestCase.settings = settings(
    max_examples=100, stateful_step_count=25, deadline=None, derandomize=True
)
test_the_life_of_an_order = LifeOfAnOrder.TestCase
