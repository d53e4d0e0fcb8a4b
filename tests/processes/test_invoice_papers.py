"""The paper of an invoice: made after posting, said word for word, and shown to its two parties alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from io import BytesIO
from typing import Any

import psycopg
import pytest
from pypdf import PdfReader

from chandlery.billing.documents import DocumentFilter, FindDocuments, find_documents, read_document
from chandlery.billing.errors import DocumentUnknown
from chandlery.billing.invoices import CreditInvoice, FindInvoices, credit_invoice, find_invoices, get_invoice
from chandlery.billing.policies import Policy, PutPolicy, put_policy
from chandlery.billing.tax_rules import SetTaxRule, set_tax_rule
from chandlery.engine.database import Pool
from chandlery.engine.queue import open_jobs_pool
from chandlery.engine.unit_of_work import Engine
from chandlery.kernel.actor import Actor
from chandlery.kernel.ids import InvoiceId
from chandlery.ordering.drafts import ChangeDraft, change_draft
from chandlery.ordering.queries import get_order
from chandlery.parties.addresses import AddAddress, Postal, add_address
from chandlery.parties.companies import (
    CompanyFacts,
    Letterhead,
    PutCompany,
    PutLetterhead,
    put_company,
    put_letterhead,
)
from chandlery.processes.checkout import Submit, checkout
from chandlery.processes.order_charges import AddCharge, add_charge
from chandlery.processes.render_invoice import run
from tests.billing.money import RIGHTS, Books, some_books
from tests.builders import allowed
from tests.ordering.builders import some
from tests.processes.builders import a_world

Owner = psycopg.Connection[Any]


@pytest.fixture
async def jobs_pool(database_url: str) -> AsyncIterator[Pool]:
    async with open_jobs_pool(database_url) as pool:
        yield pool


@pytest.fixture
def books(owner: Owner, engine: Engine, jobs_pool: Pool) -> Books:
    return some_books(owner, engine, jobs_pool)


async def lines_of(books: Books, actor: Actor, invoice_id: InvoiceId) -> list[str]:
    invoice = await books.engine.read(actor, get_invoice, invoice_id)
    assert invoice.document_id is not None
    file = await books.engine.read(actor, read_document, invoice.document_id)
    assert file.filename == f"{invoice.number}.pdf"
    (page,) = PdfReader(BytesIO(file.content)).pages
    return [" ".join(line.split()) for line in page.extract_text().splitlines()]


async def somewhere(books: Books, actor: Actor, facts: CompanyFacts, postal: Postal) -> None:
    who = actor.organization_id
    await books.do(books.shop.system, put_company, PutCompany(who, facts))
    await books.do(books.shop.system, add_address, AddAddress(who, postal, default_for=("billing",)))


async def a_world_of_papers(books: Books) -> InvoiceId:
    """A German reseller with a letterhead, an Austrian business that buys, a discount and a delivery."""
    seller = CompanyFacts(
        "Quayside Cloud GmbH", country="DE", vat_number="DE136695976", registration_number="HRB 4711",
        registration_office="Amtsgericht Kiel", email="billing@quayside.example",
    )  # fmt: skip
    await somewhere(books, books.reseller, seller, Postal(("Hafenstraße 12",), "Kiel", "DE", "24103"))
    buyer = CompanyFacts("Leuchtturm Bäckerei GmbH", country="AT", vat_number="ATU13585627")
    await somewhere(books, books.customer, buyer, Postal(("Ringstraße 1",), "Wien", "AT", "1010"))
    letterhead = Letterhead(
        "Quayside Cloud", "#1f5f8b", language="en", footer="IBAN DE02 1203 0000 0000 2020 51"
    )
    command = PutLetterhead(books.reseller.organization_id, letterhead)
    await books.do(books.reseller, put_letterhead, command)
    policy = Policy(note="Please pay within 14 days, stating the number of the invoice.")
    await books.do(books.reseller, put_policy, PutPolicy(policy))
    reason = "The recipient owes the tax (reverse charge)."
    for rule in (
        SetTaxRule("rate", Decimal(19), "DE"),
        SetTaxRule("reverse_charge", buyer="union_business", note=reason),
    ):
        await books.do(books.reseller, set_tax_rule, rule)
    draft = await books.draft(some("suite-basic", 25), some("dock", 2))
    await books.do(books.reseller, change_draft, ChangeDraft(draft.id, "PO-7"))
    for charge in (
        AddCharge(draft.id, "discount", "Welcome, 10 %", Decimal(10)),
        AddCharge(draft.id, "delivery", "Courier", amount_minor=1_190),
    ):
        await books.do(books.reseller, add_charge, charge)
    await books.do(books.reseller, checkout, Submit(draft.id))
    placed = await books.engine.read(books.shop.system, get_order, draft.id)
    return (await books.invoice(books.reseller, await books.completed(placed))).id


async def test_an_invoice_says_word_for_word_what_is_owed(books: Books) -> None:
    invoice_id = await a_world_of_papers(books)
    assert await books.work() == 1
    invoice = await books.engine.read(books.customer, get_invoice, invoice_id)
    found = await lines_of(books, books.customer, invoice_id)
    assert [line.replace(invoice.order_number, "SO1") for line in found] == GOLDEN


GOLDEN = [
    "Quayside Cloud Invoice",
    "Quayside Cloud GmbH · Hafenstraße 12 · 24103 Kiel",
    "Leuchtturm Bäckerei GmbH",
    "Ringstraße 1",
    "1010 Wien",
    "Austria",
    "VAT no. ATU13585627",
    "Number INV-000001",
    "Date 20 November 2026",
    "Due 4 December 2026",
    "Order SO1",
    "Your reference PO-7",
    "# Description Quantity Unit price Amount",
    "1 Suite-Basic",
    "suite-basic",
    "25 user 13.20 330.00 USD",
    "2 Dock",
    "dock",
    "2 piece 184.80 369.60 USD",
    "3 Welcome, 10 % 1 -69.96 USD",
    "4 Courier 1 11.90 USD",
    "Net 641.54 USD",
    "VAT 0 % on 641.54 USD 0.00 USD",
    "Total 641.54 USD",
    "The recipient owes the tax (reverse charge).",
    "Please pay within 14 days, stating the number of the invoice.",
    "IBAN DE02 1203 0000 0000 2020 51 Reg. no. Amtsgericht Kiel HRB 4711",
    "VAT no. DE136695976",
    "billing@quayside.example Page 1 of 1",
]


async def test_a_credit_note_names_what_it_corrects_and_why(books: Books) -> None:
    invoice_id = await a_world_of_papers(books)
    note = await books.do(
        books.reseller, credit_invoice, CreditInvoice(invoice_id, "One dock was broken.", (2,))
    )
    await books.work()
    text = await lines_of(books, books.reseller, note.id)
    for line in (
        "Quayside Cloud Credit note", "Number CN-000001", "Corrects INV-000001", "One dock was broken.",
        "1 Dock", "2 piece 332.64 USD", "Total 332.64 USD",
    ):  # fmt: skip
        assert line in text
    assert not any(line.startswith("Due") for line in text)


async def test_a_paper_is_for_its_two_parties_alone(books: Books) -> None:
    invoice_id = await a_world_of_papers(books)
    await books.work()
    invoice = await books.engine.read(books.reseller, get_invoice, invoice_id)
    assert invoice.document_id is not None
    with pytest.raises(DocumentUnknown):
        await books.engine.read(books.operator, read_document, invoice.document_id)
    wanted = FindDocuments(DocumentFilter(books.customer.organization_id, subject_id=invoice.order_id))
    seen = [len((await books.engine.read(actor, find_documents, wanted)).items) for actor in (
        books.customer, books.reseller, books.operator, books.shop.system
    )]  # fmt: skip
    assert seen == [1, 1, 0, 1]


async def test_a_job_that_runs_twice_makes_one_paper(books: Books, owner: Owner) -> None:
    invoice_id = await a_world_of_papers(books)
    for _ in range(2):
        await run(books.engine, books.shop.tenant.id, {"invoice_id": str(invoice_id)})
    await books.work()
    count = owner.execute(
        "SELECT count(*) FROM documents WHERE tenant_id = %s", (books.shop.tenant.id,)
    ).fetchone()
    assert count == (1,)


async def test_who_invoices_on_completion_need_not_ask(owner: Owner, engine: Engine, jobs_pool: Pool) -> None:
    world = a_world(owner, engine, jobs_pool)
    reseller, operator = (allowed(actor, *RIGHTS) for actor in (world.tenant.reseller, world.tenant.operator))
    await world.engine.perform(reseller, put_policy, PutPolicy(Policy("on_completion")))
    order = await world.place("suite-basic", "dock")
    assert await world.work() == 3  # the order, its invoice, and the paper of that
    (invoice,) = (await world.engine.read(reseller, find_invoices, FindInvoices())).items
    assert (invoice.order_id, invoice.number) == (order.id, "INV-000001")
    assert invoice.document_id is not None
    assert (await world.engine.read(operator, find_invoices, FindInvoices())).items == []


async def test_without_such_a_policy_no_order_costs_a_job_more(
    owner: Owner, engine: Engine, jobs_pool: Pool
) -> None:
    world = a_world(owner, engine, jobs_pool)
    await world.place("suite-basic", "dock")
    assert await world.work() == 1
