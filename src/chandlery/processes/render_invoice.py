"""The paper of a posted invoice: set outside of any transaction, then kept. Posting does not wait for it."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from chandlery.billing.invoice_paper import paper_of
from chandlery.billing.invoices import KeepPaper, get_invoice, keep_paper
from chandlery.billing.paper import Paper
from chandlery.billing.typesetting import typeset
from chandlery.engine.jobs import Job
from chandlery.engine.unit_of_work import Engine, Reader
from chandlery.kernel.actor import Actor, system
from chandlery.kernel.events import Event
from chandlery.kernel.ids import InvoiceId, TenantId
from chandlery.parties.companies import letterhead_in_use

TASK = "render_invoice"


def job(event: Event) -> Job:
    lane = f"invoice:{event.subject_id}"
    return Job(TASK, {"invoice_id": str(event.subject_id)}, lock=lane, key=f"{TASK}:{event.subject_id}")


async def run(engine: Engine, tenant_id: TenantId, args: Mapping[str, str]) -> None:
    """Runs twice without harm: the same invoice makes the same paper, and one that has its paper keeps it."""
    invoice_id = InvoiceId(UUID(args["invoice_id"]))
    actor = system(tenant_id, TASK)
    paper = await engine.read(actor, _paper, invoice_id)
    if paper is not None:
        pdf = await typeset(paper.as_data(), paper.issued_on)
        await engine.perform(actor, keep_paper, KeepPaper(invoice_id, pdf))


async def _paper(reader: Reader, actor: Actor, invoice_id: InvoiceId) -> Paper | None:
    invoice = await get_invoice(reader, actor, invoice_id)
    if invoice.document_id is not None:
        return None
    letterhead = await reader.fetch(letterhead_in_use(invoice.issuer.id))
    corrected = await get_invoice(reader, actor, invoice.corrects_id) if invoice.corrects_id else None
    return paper_of(invoice, letterhead, (corrected and corrected.number) or "")
