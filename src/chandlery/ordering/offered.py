"""From what somebody asks for to lines at their prices: where an order meets the catalogue.

Everything that is wrong with all the lines is named at once. A line made here holds every step of its price, for the
store; `Order.seen_by` leaves an actor its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from chandlery.catalog.errors import SkuUnknown
from chandlery.catalog.offers import Offer, Offers, PlanRef, Quote
from chandlery.kernel.errors import Invalid, Problem
from chandlery.kernel.ids import LineId, OrderId, new_id
from chandlery.kernel.money import AmountOutOfRange
from chandlery.ordering.attributes import bag_problem
from chandlery.ordering.custom_field import with_values
from chandlery.ordering.errors import OrderInvalid
from chandlery.ordering.line import Line, LinePrice
from chandlery.ordering.order import Order

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class LineRequest:
    """So many of that plan, with these characteristics."""

    ref: PlanRef
    quantity: int = 1
    characteristics: Mapping[str, Any] = field(default_factory=dict)
    custom_fields: Mapping[str, Any] = field(default_factory=dict)


def can_be_looked_up(request: LineRequest) -> bool:
    """A SKU with characters that no database takes is no SKU of ours."""
    return request.ref.sku is None or request.ref.sku.isprintable()


def new_lines(
    offers: Offers,
    order: Order,
    requests: Sequence[LineRequest],
    places: Iterable[str],
    problems: Sequence[Problem] = (),
) -> list[Line]:
    """Lines for what is asked for; `places` says where each stands in the caller's request (`lines.0`)."""

    def take(asked: tuple[int, LineRequest], place: str) -> Line:
        position, request = asked
        if not can_be_looked_up(request):
            raise SkuUnknown(below(place, "sku"))
        offer = offers.pick(request.ref, place)
        return _priced(_line(order.id, position, offer, request), offer, place)

    return _all_or_problems(take, enumerate(requests, order.next_position), places, problems)


def offered_again(
    offers: Offers, lines: Sequence[Line], places: Iterable[str], problems: Sequence[Problem] = ()
) -> list[Line]:
    """The same lines as they can be had now, at the prices of this moment; `problems` are known already."""

    def take(line: Line, place: str) -> Line:
        return _priced(line, offers.pick(PlanRef(line.plan_id), place), place)

    return _all_or_problems(take, lines, places, problems)


def addon_problems(offers: Offers, lines: Sequence[Line], places: Iterable[str]) -> list[Problem]:
    """What is an add-on of something that the order does not hold."""
    plans = {plan.id: plan for plan in offers.plans}
    ordered = {line.plan_id for line in lines}
    found = (
        plans[line.plan_id].addon_problem(ordered, below(place, "plan_id"))
        for line, place in zip(lines, places, strict=True)
        if line.plan_id in plans
    )
    return [problem for problem in found if problem is not None]


def _all_or_problems(
    take: Callable[[T, str], R], asked: Iterable[T], places: Iterable[str], problems: Sequence[Problem]
) -> list[R]:
    """What each comes to. One refusal alone is raised as it is, several as one that has the problems of all."""
    taken: list[R] = []
    refused: list[Invalid] = []
    for item, place in zip(asked, places, strict=True):
        try:
            taken.append(take(item, place))
        except Invalid as error:
            refused.append(error)
    if len(refused) == 1 and not problems:
        raise refused[0]
    if refused or problems:
        raise OrderInvalid(*problems, *(problem for error in refused for problem in error.problems))
    return taken


def _priced(line: Line, offer: Offer, place: str) -> Line:
    problems = offer.check(line.quantity, line.characteristics, place)
    if unfit := bag_problem(line.characteristics):
        problems.append(Problem(below(place, "characteristics"), unfit, "unfit"))
    if problems:
        raise OrderInvalid(*problems)
    try:
        return replace(line, prices=_prices(offer.quote(line.quantity)))
    except AmountOutOfRange as error:
        problem = Problem(below(place, "quantity"), AmountOutOfRange.message(), AmountOutOfRange.code())
        raise OrderInvalid(problem) from error


def _prices(quote: Quote) -> tuple[LinePrice, ...]:
    return tuple(
        LinePrice(
            step, price.issuer_id, price.recipient_id, price.rate, price.amount.minor, price.amount.currency
        )
        for step, price in enumerate(quote.steps)
    )


def _line(order_id: OrderId, position: int, offer: Offer, request: LineRequest) -> Line:
    plan = offer.plan
    return Line(
        id=LineId(new_id()),
        order_id=order_id,
        position=position,
        plan_id=plan.id,
        plan_code=plan.code,
        sku_code=plan.sku_code,
        name=plan.name,
        provider=plan.provider,
        quantity=request.quantity,
        unit=plan.unit,
        term=plan.term,
        billing_cycle=plan.billing_cycle,
        charge=plan.charge,
        characteristics=request.characteristics,
        custom_fields=with_values({}, request.custom_fields),
    )


def below(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name
