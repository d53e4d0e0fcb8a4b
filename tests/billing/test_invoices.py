"""Invoices: numbered without gaps, immutable, billed once, between two parties alone, and put right to the cent."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chandlery.billing.assessment import Tax, taxes_of
from chandlery.billing.errors import (
    AlreadyInvoiced,
    CreditNotesStand,
    InvoiceLineUnknown,
    InvoicePosted,
    InvoiceUnknown,
    NothingToInvoice,
    NotTheSeller,
    PolicyUnfit,
    ReasonUnfit,
)
from chandlery.billing.invoice import Invoice, InvoiceFilter, InvoiceLine, Party, Status
from chandlery.billing.invoices import (
    CreditInvoice,
    DeleteInvoice,
    FindInvoices,
    PostInvoice,
    credit_invoice,
    delete_invoice,
    find_invoices,
    get_invoice,
    post_invoice,
)
from chandlery.billing.policies import Policy, PutPolicy, get_policy, put_policy
from chandlery.billing.tax_rules import SetTaxRule, set_tax_rule
from chandlery.engine.unit_of_work import Unit
from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import VersionStale
from chandlery.kernel.ids import InvoiceId, OrderId, new_id
from chandlery.kernel.page import PageRequest
from chandlery.ordering.queries import get_order
from chandlery.ordering.status import LineStatus
from chandlery.parties.addresses import AddAddress, Postal, add_address
from chandlery.parties.companies import CompanyFacts, PutCompany, put_company
from chandlery.processes.checkout import Submit, checkout
from chandlery.processes.invoice_orders import InvoiceOrder, invoice_order
from chandlery.processes.order_charges import AddCharge, add_charge
from chandlery.processes.totals import totalled
from tests.billing.money import Books
from tests.conftest import NOW
from tests.ordering.builders import a_placed_order, moved, some

Owner = psycopg.Connection[Any]


class Roll(Exception):
    """Rolls a unit back at its very end."""


async def invoice_and_fail(unit: Unit, actor: Actor, command: InvoiceOrder) -> Invoice:
    await invoice_order(unit, actor, command)
    await unit.fetch()  # type: ignore[call-overload]  # everything has been sent, the number is drawn
    raise Roll


async def issued(books: Books, actor: Actor, **wanted: Any) -> list[Invoice]:
    command = FindInvoices(InvoiceFilter(**wanted), PageRequest(200))
    return list((await books.engine.read(actor, find_invoices, command)).items)


async def taxed(books: Books, actor: Actor, rate: str = "19") -> None:
    await books.do(actor, set_tax_rule, SetTaxRule("rate", Decimal(rate)))


async def test_each_tier_invoices_the_one_below_it(books: Books) -> None:
    order = await books.fulfilled(some("suite-basic", 5), some("dock", 2))
    mine = await books.invoice(books.reseller, order)
    theirs = await books.invoice(books.operator, order)
    assert (mine.number, mine.status, mine.net_minor, mine.gross_minor) == (
        "INV-000001", Status.UNPAID, 6_600 + 36_960, 6_600 + 36_960,
    )  # fmt: skip
    assert (mine.issuer.id, mine.recipient.id) == (
        books.reseller.organization_id,
        books.customer.organization_id,
    )
    assert (theirs.number, theirs.gross_minor, theirs.recipient.id) == (
        "INV-000001", 4_400 + 24_640, books.reseller.organization_id,
    )  # fmt: skip
    traced = [(line.order_line_id, line.step, line.rate, line.amount_minor) for line in mine.lines]
    assert traced == [
        (order.lines[0].id, 2, Decimal("13.20"), 6_600),
        (order.lines[1].id, 2, Decimal("184.80"), 36_960),
    ]
    assert [line.step for line in theirs.lines] == [1, 1]
    assert (mine.posted_at, mine.due_on, mine.order_number) == (
        NOW,
        NOW.date().replace(month=12, day=4),
        order.number,
    )


async def test_nobody_else_sees_it(books: Books) -> None:
    order = await books.fulfilled()
    mine = await books.invoice(books.reseller, order)
    assert await books.engine.read(books.customer, get_invoice, mine.id) == mine
    with pytest.raises(InvoiceUnknown):
        await books.engine.read(books.operator, get_invoice, mine.id)
    assert await issued(books, books.operator) == []
    assert await issued(books, books.customer, side="received", order_id=order.id) == [mine]
    with pytest.raises(InvoiceUnknown):
        await books.do(books.customer, credit_invoice, CreditInvoice(mine.id, "I would rather not"))
    with pytest.raises(NotTheSeller):
        await books.invoice(books.customer, order)


async def test_a_draft_is_its_issuers_own_business_and_can_be_thrown_away(books: Books) -> None:
    order = await books.fulfilled()
    draft = await books.invoice(books.reseller, order, post=False)
    assert (draft.status, draft.number) == (Status.DRAFT, None)
    with pytest.raises(InvoiceUnknown):
        await books.engine.read(books.customer, get_invoice, draft.id)
    with pytest.raises(NothingToInvoice):
        await books.invoice(books.reseller, order)
    with pytest.raises(VersionStale):
        await books.do(books.reseller, delete_invoice, DeleteInvoice(draft.id, 7))
    await books.do(books.reseller, delete_invoice, DeleteInvoice(draft.id))
    again = await books.invoice(books.reseller, order, post=False)
    posted = await books.do(books.reseller, post_invoice, PostInvoice(again.id, 1))
    assert (posted.number, posted.version) == ("INV-000001", 2)
    for wrong in (post_invoice, delete_invoice):
        with pytest.raises(InvoicePosted):
            await books.do(books.reseller, wrong, PostInvoice(again.id))


async def test_only_what_is_fulfilled_is_billed_and_only_once(books: Books) -> None:
    placed = await a_placed_order(books.engine, books.shop, some("suite-basic", 5), some("dock"))
    with pytest.raises(NothingToInvoice):
        await books.invoice(books.reseller, placed)
    steps = (LineStatus.IN_PROGRESS, LineStatus.COMPLETED)
    order = await moved(books.engine, books.shop, placed, 0, *steps)
    first = await books.invoice(books.reseller, order)
    order = await moved(books.engine, books.shop, order, 1, *steps)
    second = await books.invoice(books.reseller, order)
    assert [[line.name for line in one.lines] for one in (first, second)] == [["Suite-Basic"], ["Dock"]]
    with pytest.raises(NothingToInvoice):
        await books.invoice(books.reseller, order)


async def test_of_many_who_invoice_the_same_order_at_once_one_does(books: Books) -> None:
    order = await books.fulfilled()
    outcomes = await asyncio.gather(
        *(books.invoice(books.reseller, order) for _ in range(8)), return_exceptions=True
    )
    assert sum(isinstance(one, Invoice) for one in outcomes) == 1
    assert {type(one).__name__ for one in outcomes} <= {"Invoice", "NothingToInvoice", "AlreadyInvoiced"}
    assert [one.number for one in await issued(books, books.reseller)] == ["INV-000001"]


async def test_numbers_have_no_gaps_whatever_fails_and_whoever_comes_at_the_same_time(
    books: Books, owner: Owner
) -> None:
    """Half of the attempts are rolled back after their number was drawn; what is left is 1, 2, 3 and so on."""
    orders = [await books.fulfilled() for _ in range(16)]
    attempts = [(order, fails) for order in orders for fails in (True, False)]
    random.Random(7).shuffle(attempts)

    async def attempt(order: Any, fails: bool) -> None:
        case = invoice_and_fail if fails else invoice_order
        for actor in (books.reseller, books.operator):
            try:
                await books.engine.perform(actor, case, InvoiceOrder(order.id))
            except (Roll, NothingToInvoice, AlreadyInvoiced):
                assert fails

    await asyncio.gather(*(attempt(*one) for one in attempts))
    rows = owner.execute(
        "SELECT issuer_id, array_agg(serial ORDER BY serial), count(DISTINCT number) FROM invoices"
        " WHERE tenant_id = %s GROUP BY issuer_id",
        (books.shop.tenant.id,),
    ).fetchall()
    assert [(serials, count) for _, serials, count in rows] == [(list(range(1, 17)), 16)] * 2


async def test_a_failed_posting_gives_its_number_back(books: Books) -> None:
    orders = [await books.fulfilled() for _ in range(2)]
    with pytest.raises(Roll):
        await books.engine.perform(books.reseller, invoice_and_fail, InvoiceOrder(orders[0].id))
    dry = await books.engine.perform(books.reseller, invoice_order, InvoiceOrder(orders[0].id), dry_run=True)
    assert dry.result.number == "INV-000001"
    assert (await books.invoice(books.reseller, orders[1])).number == "INV-000001"


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE invoices SET gross_minor = 1, net_minor = 1 WHERE id = %s",
        "UPDATE invoices SET number = 'INV-000009' WHERE id = %s",
        "UPDATE invoices SET recipient = '{}' WHERE id = %s",
        "UPDATE invoices SET status = 'draft', number = NULL, serial = NULL, posted_at = NULL WHERE id = %s",
        "DELETE FROM invoices WHERE id = %s",
        "UPDATE invoice_lines SET amount_minor = 1 WHERE invoice_id = %s",
        "DELETE FROM invoice_lines WHERE invoice_id = %s",
        (
            "INSERT INTO invoice_lines (invoice_id, position, tenant_id, kind, name, details, quantity, unit,"
            " amount_minor, taxable_minor, tax_rate, tax_note) SELECT id, 99, tenant_id, 'discount', '', '{}', 1, '',"
            " -1, 0, 0, '' FROM invoices WHERE id = %s"
        ),
    ],
)
async def test_what_is_posted_cannot_be_changed_even_behind_the_apps_back(
    books: Books, owner: Owner, change: str
) -> None:
    mine = await books.invoice(books.reseller, await books.fulfilled())
    with pytest.raises(psycopg.errors.CheckViolation) as refused:
        owner.execute(change.encode(), (mine.id,))
    assert refused.value.diag.constraint_name == "invoices_posted_are_kept"
    assert await books.engine.read(books.reseller, get_invoice, mine.id) == mine


async def test_an_invoice_comes_to_what_its_order_came_to(books: Books) -> None:
    await taxed(books, books.reseller)
    draft = await books.draft(some("suite-basic", 5), some("dock"))
    for charge in (
        AddCharge(draft.id, "delivery", "Courier", amount_minor=990),
        AddCharge(draft.id, "discount", "Welcome", Decimal("2.5")),
    ):
        await books.do(books.reseller, add_charge, charge)
    await books.do(books.reseller, checkout, Submit(draft.id))
    order = (await books.engine.read(books.shop.system, totalled(get_order), draft.id)).order
    seen = await books.engine.read(books.reseller, totalled(get_order), draft.id)
    mine = await books.invoice(books.reseller, await books.completed(order))
    assert seen.assessment is not None
    assert (mine.net_minor, mine.tax_minor, mine.gross_minor) == (
        seen.assessment.taxable_minor,
        seen.assessment.tax_minor,
        seen.assessment.gross_minor,
    )
    assert [(line.kind, line.name, line.amount_minor) for line in mine.lines] == [
        ("line", "Suite-Basic", 6_600),
        ("line", "Dock", 18_480),
        ("discount", "Welcome", -627),
        ("delivery", "Courier", 990),
    ]
    assert sum(line.amount_minor for line in mine.lines) == mine.net_minor
    assert sum(line.taxable_minor for line in mine.lines) == mine.net_minor


async def test_both_parties_stand_on_it_as_they_were_at_posting(books: Books) -> None:
    reseller, customer = books.reseller.organization_id, books.customer.organization_id
    await books.do(
        books.reseller,
        put_company,
        PutCompany(reseller, CompanyFacts("Quay GmbH", country="DE", vat_number="DE136695976")),
    )
    postal = Postal(("Hauptstraße 5",), "Jena", "DE", "07743")
    await books.do(books.reseller, add_address, AddAddress(customer, postal, default_for=("billing",)))
    draft = await books.invoice(books.reseller, await books.fulfilled(), post=False)
    await books.do(books.reseller, put_company, PutCompany(customer, CompanyFacts("Muster GmbH")))
    posted = await books.do(books.reseller, post_invoice, PostInvoice(draft.id))
    await books.do(books.reseller, put_company, PutCompany(customer, CompanyFacts("Anders GmbH")))
    kept = await books.engine.read(books.customer, get_invoice, posted.id)
    assert kept.recipient == Party(customer, "Customer", CompanyFacts("Muster GmbH"), postal)
    assert kept.issuer.company.vat_number == "DE136695976"


async def test_a_credit_note_takes_all_of_an_invoice_back(books: Books) -> None:
    await taxed(books, books.reseller)
    order = await books.fulfilled()
    mine = await books.invoice(books.reseller, order)
    note = await books.do(books.reseller, credit_invoice, CreditInvoice(mine.id, "Ordered by mistake"))
    assert (note.number, note.kind, note.corrects_id, note.gross_minor, note.tax_minor, note.status) == (
        "CN-000001", "credit_note", mine.id, mine.gross_minor, mine.tax_minor, Status.PAID,
    )  # fmt: skip
    after = await books.engine.read(books.customer, get_invoice, mine.id)
    assert (after.status, after.credited_minor, after.open_minor) == (Status.CANCELLED, mine.gross_minor, 0)
    with pytest.raises(InvoiceLineUnknown):
        await books.do(books.reseller, credit_invoice, CreditInvoice(mine.id, "Again"))
    with pytest.raises(CreditNotesStand):
        await books.do(books.reseller, credit_invoice, CreditInvoice(note.id, "And back"))
    with pytest.raises(ReasonUnfit):
        await books.do(books.reseller, credit_invoice, CreditInvoice(mine.id, " "))
    assert (
        await books.invoice(books.reseller, order)
    ).number == "INV-000002"  # what was taken back is due again


async def test_of_two_who_credit_the_same_line_at_once_one_does(books: Books) -> None:
    mine = await books.invoice(books.reseller, await books.fulfilled(some("suite-basic", 5), some("dock")))
    outcomes = await asyncio.gather(
        *(books.do(books.reseller, credit_invoice, CreditInvoice(mine.id, "Late", (2,))) for _ in range(4)),
        return_exceptions=True,
    )
    assert sum(isinstance(one, Invoice) for one in outcomes) == 1
    after = await books.engine.read(books.reseller, get_invoice, mine.id)
    assert (after.status, after.credited_minor, after.open_minor) == (Status.UNPAID, 18_480, 6_600)


NETS = st.lists(
    st.tuples(st.integers(0, 10**7), st.sampled_from(["19", "7", "8.875"])), min_size=1, max_size=8
)


@given(NETS, st.randoms(use_true_random=False))
def test_credit_notes_for_all_lines_come_to_exactly_the_invoice(nets: Any, chance: random.Random) -> None:
    lines = tuple(
        InvoiceLine(n, "line", f"Line {n}", net, net, tax_kind="rate", tax_rate=Decimal(rate))
        for n, (net, rate) in enumerate(nets, 1)
    )
    taxes: tuple[Tax, ...] = taxes_of([line.part for line in lines], "EUR")
    net, tax = sum(line.amount_minor for line in lines), sum(one.tax_minor for one in taxes)
    seller, buyer = Party(new_id(), "Seller"), Party(new_id(), "Buyer")  # type: ignore[arg-type]
    invoice = Invoice(
        InvoiceId(new_id()), "invoice", seller, buyer, OrderId(new_id()), "SO1", None, "EUR", net, tax, net + tax,
        taxes, NOW, lines=lines,
    )  # fmt: skip
    positions = [line.position for line in lines]
    chance.shuffle(positions)
    cut = chance.randint(0, len(positions))
    earlier: tuple[InvoiceLine, ...] = ()
    notes = []
    for part in filter(None, (positions[:cut], positions[cut:])):
        note = invoice.credit(InvoiceId(new_id()), part, earlier, NOW)
        assert note.gross_minor == sum(line.amount_minor for line in note.lines) + note.tax_minor
        earlier += note.lines
        notes.append(note)
    assert sum(note.net_minor for note in notes) == net
    assert sum(note.tax_minor for note in notes) == tax


async def test_how_an_organisation_invoices_is_its_own_to_say(books: Books) -> None:
    assert await books.engine.read(books.reseller, get_policy, None) == Policy()
    wanted = Policy("on_completion", 30, "R2026-", "G2026-", "Please pay soon.")
    put = await books.do(books.reseller, put_policy, PutPolicy(wanted))
    assert put == replace(wanted, version=1)
    mine = await books.invoice(books.reseller, await books.fulfilled())
    assert (mine.number, mine.note, mine.due_on) == (
        "R2026-000001",
        "Please pay soon.",
        NOW.date().replace(month=12),
    )
    with pytest.raises(PolicyUnfit) as refused:
        await books.do(
            books.reseller, put_policy, PutPolicy(Policy(due_days=-1, invoice_prefix="x/", note="a\nb"))
        )
    assert [problem.field for problem in refused.value.problems] == ["invoice_prefix", "due_days", "note"]


async def test_lists_go_page_by_page_newest_first(books: Books) -> None:
    made = [await books.invoice(books.reseller, await books.fulfilled()) for _ in range(3)]
    command = FindInvoices(page=PageRequest(2))
    first = await books.engine.read(books.reseller, find_invoices, command)
    assert [one.id for one in first.items] == [made[2].id, made[1].id]
    assert first.next_cursor is not None
    assert [one.id for one in await issued(books, books.reseller, status=Status.PAID)] == []
    assert len(await issued(books, books.reseller, kind="credit_note")) == 0
