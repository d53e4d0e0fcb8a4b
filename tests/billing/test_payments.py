"""Payments: every cent moved once, whatever the processor says, does not say, or says too late."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any, get_args

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chandlery.billing.allocating import Allocate, TakeOff, allocate, take_off
from chandlery.billing.errors import (
    AllocationUnfit,
    InvoiceSettled,
    PaymentBusy,
    PaymentMethodUnfit,
    PaymentMethodUnknown,
    PaymentNotSo,
    PaymentSpent,
    PaymentUnfit,
    PaymentUnknown,
)
from chandlery.billing.invoice import Status as InvoiceStatus
from chandlery.billing.invoices import CreditInvoice, credit_invoice, get_invoice
from chandlery.billing.payment import ALLOWS, Payment, PaymentFilter, Status
from chandlery.billing.payment_methods import (
    AddMethod,
    FindMethods,
    RemoveMethod,
    add_method,
    find_methods,
    remove_method,
)
from chandlery.billing.payment_operation import LEASE, MOST_ATTEMPTS, State
from chandlery.billing.payments import FindPayments, MovePayment, find_payments, get_payment, move_payment
from chandlery.billing.processors import MANUAL, OperationKind, Outcome, Processors, Request
from chandlery.billing.sandbox_processor import NAME
from chandlery.kernel.ids import OrganizationId, PaymentId, PaymentMethodId, TenantId, new_id
from chandlery.processes.pay import Pay, pay
from chandlery.processes.settle_payment import LATE, settle_payment, wake_payments
from tests.billing.money import Books
from tests.conftest import NOW
from tests.ordering.builders import some

Owner = psycopg.Connection[Any]


async def ledger(books: Books) -> list[tuple[str, int]]:
    """What the processor really did, oldest first."""
    entries = await books.processor.ledger(books.shop.tenant.id)
    return [(entry.operation, entry.amount_minor) for entry in reversed(entries)]


async def later(books: Books, wait: timedelta) -> None:
    books.clock.at += wait
    await books.work()


def amounts(payment: Payment) -> tuple[str, int, int, int, int]:
    return (
        payment.status, payment.authorized_minor, payment.captured_minor, payment.refunded_minor,
        payment.allocated_minor,
    )  # fmt: skip


async def moved(books: Books, payment: Payment, kind: OperationKind, amount: int | None = None) -> Payment:
    await books.do(books.reseller, move_payment, MovePayment(payment.id, kind, amount))
    await books.work()
    return (await books.payment(payment.id)).payment


async def test_an_invoice_is_paid(books: Books) -> None:
    mine = await books.invoice(books.reseller, await books.fulfilled())
    history = await books.paid(books.customer, await books.method(books.customer), invoice_id=mine.id)
    assert amounts(history.payment) == ("captured", 6_600, 6_600, 0, 6_600)
    assert [(one.kind, one.state, one.amount_minor) for one in history.operations] == [
        ("authorize", State.DONE, 6_600),
        ("capture", State.DONE, 6_600),
    ]
    assert await ledger(books) == [("authorize", 6_600), ("capture", 6_600)]
    after = await books.engine.read(books.reseller, get_invoice, mine.id)
    assert (after.status, after.paid_minor, after.open_minor) == (InvoiceStatus.PAID, 6_600, 0)
    assert [(one.invoice_id, one.amount_minor) for one in history.allocations] == [(mine.id, 6_600)]
    with pytest.raises(InvoiceSettled):
        await books.do(books.customer, pay, Pay((await books.method(books.customer)).id, invoice_id=mine.id))


async def test_what_is_paid_for_an_order_goes_to_its_invoice(books: Books) -> None:
    order = await books.fulfilled()
    method = await books.method(books.customer)
    early = await books.paid(books.customer, method, order_id=order.id, amount_minor=2_000)
    mine = await books.invoice(books.reseller, order)
    assert (mine.status, mine.paid_minor) == (InvoiceStatus.PARTLY_PAID, 2_000)
    rest = await books.paid(books.reseller, method, order_id=order.id, amount_minor=4_600)
    after = await books.engine.read(books.customer, get_invoice, mine.id)
    assert (after.status, after.open_minor) == (InvoiceStatus.PAID, 0)
    assert early.payment.payee_id == rest.payment.payee_id == books.reseller.organization_id
    whole = await books.do(books.customer, pay, Pay(method.id, order_id=order.id))
    assert whole.payment.amount_minor == 6_600


async def test_a_payment_is_captured_in_parts_and_its_rest_given_up(books: Books) -> None:
    order = await books.fulfilled()
    method = await books.method(books.customer)
    history = await books.paid(books.customer, method, order_id=order.id, captures_itself=False)
    payment = history.payment
    assert amounts(payment) == ("authorized", 6_600, 0, 0, 0)
    assert amounts(await moved(books, payment, "capture", 2_000)) == ("partly_captured", 6_600, 2_000, 0, 0)
    with pytest.raises(PaymentSpent):
        await books.do(books.reseller, move_payment, MovePayment(payment.id, "capture", 4_601))
    assert amounts(await moved(books, payment, "capture", 600)) == ("partly_captured", 6_600, 2_600, 0, 0)
    assert amounts(await moved(books, payment, "void")) == ("captured", 2_600, 2_600, 0, 0)
    assert amounts(await moved(books, payment, "refund", 100)) == ("partly_refunded", 2_600, 2_600, 100, 0)
    assert amounts(await moved(books, payment, "refund")) == ("refunded", 2_600, 2_600, 2_600, 0)
    with pytest.raises(PaymentNotSo):
        await books.do(books.reseller, move_payment, MovePayment(payment.id, "refund", 1))
    assert await ledger(books) == [
        ("authorize", 6_600), ("capture", 2_000), ("capture", 600), ("void", 4_000), ("refund", 100), ("refund", 2_500),
    ]  # fmt: skip


async def test_a_declined_card_ends_the_payment_and_says_why(books: Books) -> None:
    order = await books.fulfilled()
    method = await books.method(books.customer, "authorize.decline")
    payment = (await books.paid(books.customer, method, order_id=order.id)).payment
    assert (payment.status, payment.reason, payment.captured_minor) == (
        "declined",
        "The card was declined.",
        0,
    )
    assert await ledger(books) == []


async def test_a_refund_that_is_refused_leaves_what_was_captured(books: Books) -> None:
    order = await books.fulfilled()
    method = await books.method(books.customer, "refund.decline")
    payment = (await books.paid(books.customer, method, order_id=order.id)).payment
    after = await moved(books, payment, "refund", 500)
    assert (after.status, after.available_minor, after.refunding_minor) == ("captured", 6_600, 0)
    assert after.reason == "The card was declined."


@pytest.mark.parametrize("operation", get_args(OperationKind))
@pytest.mark.parametrize("fault", ["fail=2", "lose_answer", "lose_request", "hang", "delay=90"])
async def test_whatever_the_processor_does_everything_is_done_once(
    books: Books, operation: str, fault: str
) -> None:
    """Authorise, capture half, give the rest up, refund: with one fault in one of them."""
    patient = replace(books.processors, call_timeout=timedelta(seconds=0.05))

    async def settle(payment_id: PaymentId) -> None:
        for _ in range(MOST_ATTEMPTS):
            await settle_payment(books.engine, patient, books.shop.tenant.id, payment_id)
            books.clock.at += timedelta(minutes=2)

    order = await books.fulfilled()
    method = await books.method(books.customer, f"{operation}.{fault}")
    begun = await books.do(books.customer, pay, Pay(method.id, order_id=order.id, captures_itself=False))
    await settle(begun.payment.id)
    steps: tuple[tuple[OperationKind, int | None], ...] = (
        ("capture", 3_300),
        ("void", None),
        ("refund", None),
    )
    for kind, amount in steps:
        await books.do(books.reseller, move_payment, MovePayment(begun.payment.id, kind, amount))
        await settle(begun.payment.id)
    history = await books.payment(begun.payment.id)
    assert amounts(history.payment) == ("refunded", 3_300, 3_300, 3_300, 0)
    assert {one.state for one in history.operations} == {State.DONE}
    assert Counter(await ledger(books)) == {
        ("authorize", 6_600): 1, ("capture", 3_300): 1, ("void", 3_300): 1, ("refund", 3_300): 1,
    }  # fmt: skip


async def test_what_is_unknown_is_asked_for_and_not_sent_again(books: Books) -> None:
    order = await books.fulfilled()
    method = await books.method(books.customer, "capture.lose_answer")
    history = await books.paid(books.customer, method, order_id=order.id)
    capture = history.operations[1]
    assert (history.payment.status, capture.state, capture.attempts) == ("authorized", State.UNKNOWN, 1)
    with pytest.raises(PaymentBusy):
        await books.do(books.reseller, move_payment, MovePayment(history.payment.id, "capture", 1))
    await later(books, timedelta(minutes=1))
    assert (await books.payment(history.payment.id)).payment.status == "captured"
    assert await ledger(books) == [("authorize", 6_600), ("capture", 6_600)]


async def test_a_worker_cut_off_in_the_middle_of_a_call_asks_before_it_sends_again(books: Books) -> None:
    """The call is in flight in our books; whether it arrived is the processor's to say."""

    class Cut(BaseException):
        pass

    class CutOff:
        def __init__(self, arrives: bool) -> None:
            self.arrives = arrives

        async def send(self, request: Request) -> Outcome:
            if self.arrives:
                await books.processor.send(request)
            raise Cut

        async def query(self, account: TenantId, reference: str) -> Outcome | None:
            raise AssertionError

    for arrives in (True, False):
        order = await books.fulfilled()
        command = Pay((await books.method(books.customer)).id, order_id=order.id, captures_itself=False)
        begun = await books.do(books.customer, pay, command)
        with pytest.raises(Cut):
            await settle_payment(
                books.engine, Processors({NAME: CutOff(arrives)}), books.shop.tenant.id, begun.payment.id
            )
        assert (await books.payment(begun.payment.id)).operations[0].state is State.IN_FLIGHT
        await books.work()
        if not arrives:  # "never seen" counts only when no earlier request can still arrive
            assert (await books.payment(begun.payment.id)).operations[0].next_at == books.clock.at + LEASE
            await later(books, LEASE)
        found = await books.payment(begun.payment.id)
        assert (found.payment.status, found.operations[0].attempts) == ("authorized", 1 if arrives else 2)
    assert await ledger(books) == [("authorize", 6_600)] * 2


async def test_a_processor_that_never_works_is_given_up(books: Books) -> None:
    order = await books.fulfilled()
    method = await books.method(books.customer, "authorize.fail=99")
    begun = await books.paid(books.customer, method, order_id=order.id)
    for _ in range(MOST_ATTEMPTS):
        await later(books, timedelta(minutes=5))
    found = await books.payment(begun.payment.id)
    assert (found.payment.status, found.operations[0].attempts) == ("failed", MOST_ATTEMPTS)
    assert found.payment.reason == "The processor is out of order."


async def test_a_payment_that_nobody_turns_to_any_more_is_woken(books: Books, owner: Owner) -> None:
    order = await books.fulfilled()
    begun = await books.do(
        books.customer, pay, Pay((await books.method(books.customer)).id, order_id=order.id)
    )
    owner.execute("DELETE FROM procrastinate_jobs WHERE args->>'payment_id' = %s", (str(begun.payment.id),))
    books.clock.at += LATE + timedelta(seconds=1)
    await wake_payments(books.engine)
    await books.work()
    assert (await books.payment(begun.payment.id)).payment.status == "captured"


async def test_what_came_by_hand_is_written_down_by_who_received_it(books: Books) -> None:
    order = await books.fulfilled()
    cash = await books.method(books.customer, processor=MANUAL)
    with pytest.raises(PaymentUnfit):
        await books.do(books.customer, pay, Pay(cash.id, order_id=order.id))
    assert amounts((await books.paid(books.reseller, cash, order_id=order.id)).payment) == (
        "captured", 6_600, 6_600, 0, 0,
    )  # fmt: skip


async def test_a_payment_is_between_two(books: Books) -> None:
    order = await books.fulfilled()
    history = await books.paid(books.customer, await books.method(books.customer), order_id=order.id)
    payment = history.payment
    assert await books.engine.read(books.reseller, get_payment, payment.id) == history
    with pytest.raises(PaymentUnknown):
        await books.engine.read(books.operator, get_payment, payment.id)
    with pytest.raises(PaymentUnknown):  # whoever pays cannot refund itself
        await books.do(books.customer, move_payment, MovePayment(payment.id, "refund"))
    with pytest.raises(PaymentMethodUnknown):
        await books.do(books.customer, pay, Pay((await books.method(books.reseller)).id, order_id=order.id))
    with pytest.raises(PaymentUnfit):
        await books.do(books.customer, pay, Pay(history.payment.method_id))
    for actor, side, found in (
        (books.reseller, "received", [payment]), (books.customer, "made", [payment]), (books.operator, "received", []),
    ):  # fmt: skip
        command = FindPayments(PaymentFilter(side))  # type: ignore[arg-type]
        assert list((await books.engine.read(actor, find_payments, command)).items) == found


async def test_methods_are_kept_without_anything_secret(books: Books) -> None:
    method = await books.method(books.customer, "tok_5")
    assert "tok_5" not in repr(method)
    owner_id = books.customer.organization_id
    for label, token in (("\n", "x" * 201), ("Card 4111 1111 1111 1111", ""), ("Card", "4111111111111111")):
        command = AddMethod(owner_id, NAME, "card", label, token)
        with pytest.raises(PaymentMethodUnfit):
            await books.do(books.customer, add_method, command)
    await books.do(books.reseller, remove_method, RemoveMethod(method.id, 1))
    found = await books.engine.read(books.reseller, find_methods, FindMethods(owner_id))
    assert list(found.items) == []
    with pytest.raises(PaymentMethodUnknown):
        await books.do(books.customer, remove_method, RemoveMethod(method.id))


async def test_no_cent_is_put_on_two_invoices_whoever_comes_at_the_same_time(books: Books) -> None:
    """Ten invoices of 66.00, and three payments of 200.00 that everybody grabs for at once."""
    orders = [await books.fulfilled() for _ in range(10)]
    invoices = [await books.invoice(books.reseller, order) for order in orders]
    other = await books.fulfilled(some("suite-basic", 100))
    method = await books.method(books.customer)
    payments = [
        (await books.paid(books.customer, method, order_id=other.id, amount_minor=20_000)).payment
        for _ in range(3)
    ]
    outcomes = await asyncio.gather(
        *(
            books.do(books.reseller, allocate, Allocate(payment.id, invoice.id, amount))
            for invoice in invoices
            for payment in payments
            for amount in (6_600, 3_300)
        ),
        return_exceptions=True,
    )
    assert {type(one).__name__ for one in outcomes} <= {"Invoice", "PaymentSpent", "InvoiceSettled"}
    histories = [await books.payment(payment.id) for payment in payments]
    for history in histories:
        assert (
            history.payment.allocated_minor == sum(one.amount_minor for one in history.allocations) <= 20_000
        )
    paid = [(await books.engine.read(books.reseller, get_invoice, one.id)).paid_minor for one in invoices]
    assert all(amount <= 6_600 for amount in paid)
    assert sum(paid) == sum(history.payment.allocated_minor for history in histories)
    assert sum(paid) > 50_000  # nearly all of what there was


async def test_an_allocation_is_exact_and_can_be_taken_off(books: Books) -> None:
    order, other = await books.fulfilled(), await books.fulfilled(some("dock"))
    mine, foreign = await books.invoice(books.reseller, order), await books.invoice(books.operator, order)
    payment = (
        await books.paid(books.customer, await books.method(books.customer), order_id=other.id)
    ).payment
    with pytest.raises(AllocationUnfit):
        await books.do(books.shop.system, allocate, Allocate(payment.id, foreign.id))
    with pytest.raises(InvoiceSettled):
        await books.do(books.reseller, allocate, Allocate(payment.id, mine.id, 6_601))
    await books.do(books.reseller, allocate, Allocate(payment.id, mine.id, 600))
    settled = await books.do(books.reseller, allocate, Allocate(payment.id, mine.id))
    assert (settled.status, settled.paid_minor) == (InvoiceStatus.PAID, 6_600)
    with pytest.raises(PaymentSpent):
        await books.do(books.reseller, move_payment, MovePayment(payment.id, "refund", 18_480))
    freed = await books.do(books.reseller, take_off, TakeOff(payment.id, mine.id))
    assert (freed.status, freed.paid_minor) == (InvoiceStatus.UNPAID, 0)
    assert (await moved(books, payment, "refund")).status == "refunded"


async def test_a_credit_note_frees_what_was_paid_of_it_for_a_refund(books: Books) -> None:
    mine = await books.invoice(books.reseller, await books.fulfilled(some("suite-basic", 5), some("dock")))
    method = await books.method(books.customer)
    payment = (await books.paid(books.customer, method, invoice_id=mine.id, amount_minor=20_000)).payment
    await books.do(books.reseller, credit_invoice, CreditInvoice(mine.id, "The dock was broken", (2,)))
    after = await books.engine.read(books.reseller, get_invoice, mine.id)
    assert (after.status, after.paid_minor, after.credited_minor) == (InvoiceStatus.PAID, 6_600, 18_480)
    found = (await books.payment(payment.id)).payment
    assert (found.allocated_minor, found.available_minor) == (6_600, 13_400)
    assert (await moved(books, payment, "refund")).refunded_minor == 13_400


MOVES = st.lists(
    st.tuples(st.sampled_from(get_args(OperationKind)), st.integers(0, 120), st.booleans()), max_size=12
)


@given(MOVES)
def test_whatever_is_asked_amounts_stay_within_what_came_before(moves: Any) -> None:
    party = OrganizationId(new_id())
    payment = Payment(
        PaymentId(new_id()), party, party, PaymentMethodId(new_id()), None, None, "EUR", 100, False, NOW
    )
    for kind, amount, works in moves:
        try:
            asked, exact = payment.asked(kind, amount or None)
        except PaymentNotSo:
            assert kind not in ALLOWS[payment.status]
            continue
        except PaymentSpent:
            continue
        payment = asked.done(kind, exact) if works else asked.not_done(kind, exact, "No.", declined=True)
        assert payment.refunding_minor == 0
        assert 0 <= payment.refunded_minor <= payment.captured_minor <= payment.authorized_minor <= 100
    assert set(ALLOWS) == set(Status)
