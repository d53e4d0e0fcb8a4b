"""What can be done with invoices: draw up a draft, post it, throw it away, credit a posted one, read.

The number is drawn last, from a row that stays locked until the transaction ends: numbers of an issuer have no gaps,
and posting for one issuer takes turns. Events hold no figures and no numbers: whoever is above the issuer reads them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from chandlery.billing._store import allocations
from chandlery.billing._store import invoices as store
from chandlery.billing._store.policies import policy as policy_query
from chandlery.billing.documents import File, KeepDocument, keep_document
from chandlery.billing.drawing_up import Bill, draw_up
from chandlery.billing.errors import CreditNotesStand, InvoiceUnknown, ReasonUnfit
from chandlery.billing.invoice import Invoice, InvoiceFilter, InvoiceLine, Status
from chandlery.engine.unit_of_work import Reader, Unit
from chandlery.identity import permissions
from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import Problem
from chandlery.kernel.events import Event
from chandlery.kernel.ids import InvoiceId, new_id
from chandlery.kernel.page import Page, PageRequest, page_of
from chandlery.kernel.text import is_one_line

MAX_REASON = 500


@dataclass(frozen=True, slots=True)
class PostInvoice:
    invoice_id: InvoiceId
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class DeleteInvoice:
    invoice_id: InvoiceId
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class CreditInvoice:
    """Take lines of an invoice back, by their positions; without any, all that is left of it."""

    invoice_id: InvoiceId
    reason: str
    positions: tuple[int, ...] = ()
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class KeepPaper:
    """The PDF of a posted invoice."""

    invoice_id: InvoiceId
    content: bytes


@dataclass(frozen=True, slots=True)
class FindInvoices:
    """A page of those that the actor's organisation issued or received, newest first."""

    wanted: InvoiceFilter = field(default_factory=InvoiceFilter)
    page: PageRequest = field(default_factory=PageRequest)


async def draft_invoice(unit: Unit, actor: Actor, bill: Bill) -> Invoice:
    """A draft of what is due and not billed yet; what is on it is on no other, until it is thrown away."""
    actor.require(permissions.INVOICES_WRITE)
    billed, parties = await unit.fetch(
        store.billed(bill.parts, bill.issuer_id), store.parties((bill.issuer_id, bill.recipient_id))
    )
    draft = draw_up(InvoiceId(new_id()), bill, billed, (parties[0], parties[1]), unit.now)
    unit.write(*store.insert(draft), store.claim(draft, [part for part in bill.parts if part not in billed]))
    unit.emit(_event("invoice.drafted", draft))
    return draft


async def post_invoice(unit: Unit, actor: Actor, command: PostInvoice) -> Invoice:
    """Give a draft its number. From here on it stays as it is."""
    actor.require(permissions.INVOICES_WRITE)
    draft = await _own(unit, actor, command.invoice_id)
    return await post_draft(unit, actor, draft.at_version(command.expected_version).as_draft())


async def post_draft(unit: Unit, actor: Actor, draft: Invoice) -> Invoice:
    """The same for a draft that this unit has locked or made."""
    actor.require(permissions.INVOICES_WRITE)
    policy, parties = await unit.fetch(
        policy_query(draft.issuer.id), store.parties((draft.issuer.id, draft.recipient.id))
    )
    serial = await unit.fetch(store.next_serial(draft.issuer.id, draft.kind))
    posted = draft.posted(serial, unit.now, policy, (parties[0], parties[1]))
    unit.write(store.post(posted))
    unit.emit(_event("invoice.posted", posted))
    return posted


async def delete_invoice(unit: Unit, actor: Actor, command: DeleteInvoice) -> None:
    """Throw a draft away; what was on it can be billed again."""
    actor.require(permissions.INVOICES_WRITE)
    draft = (await _own(unit, actor, command.invoice_id)).at_version(command.expected_version).as_draft()
    unit.write(store.delete(draft.id))
    unit.emit(_event("invoice.deleted", draft))


async def credit_invoice(unit: Unit, actor: Actor, command: CreditInvoice) -> Invoice:
    """A posted credit note for lines of an invoice. What had been paid of them is free again, to refund or to use."""
    actor.require(permissions.INVOICES_WRITE)
    if not 1 <= len(command.reason.strip()) <= MAX_REASON or not is_one_line(command.reason):
        raise ReasonUnfit(Problem("reason", ReasonUnfit.message(), "text"))
    found = await _own(unit, actor, command.invoice_id)
    invoice = found.at_version(command.expected_version).as_posted()
    if invoice.kind == "credit_note":
        raise CreditNotesStand
    earlier, paid = await unit.fetch(
        store.credited_lines(invoice.id), allocations.of_invoice_for_update(invoice.id)
    )
    note = invoice.credit(InvoiceId(new_id()), command.positions, earlier, unit.now)
    note = replace(note, reason=command.reason)
    freed = max(invoice.paid_minor + note.gross_minor + invoice.credited_minor - invoice.gross_minor, 0)
    unit.write(*allocations.free(paid, freed))
    settled = invoice.settled(-freed, note.gross_minor)
    unit.write(store.settle(settled), *store.insert(note), store.release(invoice.id, _parts(note.lines)))
    unit.emit(_event("invoice.credited", settled))
    return await post_draft(unit, actor, note)


async def keep_paper(unit: Unit, actor: Actor, command: KeepPaper) -> None:
    """Keep the PDF with its invoice; a second one for the same invoice is dropped."""
    actor.require(permissions.DOCUMENTS_WRITE)
    _, invoice = await unit.fetch(store.lock(command.invoice_id), store.invoice(command.invoice_id))
    if invoice.document_id is not None:
        return
    file = File(f"{invoice.number}.pdf", "application/pdf", command.content)
    between = (invoice.issuer.id, invoice.recipient.id)
    keep = KeepDocument(invoice.recipient.id, file, "order", invoice.order_id, invoice.kind, between)
    document = await keep_document(unit, actor, keep)
    unit.write(store.set_document(invoice.id, document.id))


async def get_invoice(reader: Reader, actor: Actor, invoice_id: InvoiceId) -> Invoice:
    actor.require(permissions.INVOICES_READ)
    return await reader.fetch(store.invoice(invoice_id))


async def find_invoices(reader: Reader, actor: Actor, command: FindInvoices) -> Page[Invoice]:
    actor.require(permissions.INVOICES_READ)
    found = await reader.fetch(store.find(command.wanted, command.page))
    return page_of(found, command.page.limit, lambda invoice: (invoice.created_at, invoice.id))


async def _own(unit: Unit, actor: Actor, invoice_id: InvoiceId) -> Invoice:
    """One that the actor's organisation issued, locked. Its recipient sees it, and can do nothing to it."""
    _, invoice = await unit.fetch(store.lock(invoice_id), store.invoice(invoice_id))
    if invoice.issuer.id != actor.organization_id:
        raise InvoiceUnknown
    return invoice


def _parts(lines: Sequence[InvoiceLine]) -> list[UUID]:
    return [part for line in lines if (part := line.order_line_id or line.charge_id) is not None]


def settled_event(invoice: Invoice) -> Event:
    """What became of an invoice by a payment, or by taking one off it."""
    happened = {Status.PAID: "invoice.paid", Status.PARTLY_PAID: "invoice.partly_paid"}
    return _event(happened.get(invoice.status, "invoice.reopened"), invoice)


def _event(name: str, invoice: Invoice) -> Event:
    facts = {
        "kind": invoice.kind,
        "order_id": str(invoice.order_id),
        "issuer_id": str(invoice.issuer.id),
        "recipient_id": str(invoice.recipient.id),
        "corrects_id": invoice.corrects_id and str(invoice.corrects_id),
    }
    owner = invoice.issuer.id if name in ("invoice.drafted", "invoice.deleted") else invoice.recipient.id
    return Event(name, invoice.id, owner, {key: fact for key, fact in facts.items() if fact is not None})
