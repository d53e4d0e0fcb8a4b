"""An invoice or credit note as a paper: what is printed of it, under the issuer's letterhead and in its language."""

from __future__ import annotations

from dataclasses import replace

from chandlery.billing.invoice import Invoice, InvoiceLine, Party
from chandlery.billing.paper import COLOUR, Paper, PaperLine, VatLine, party_lines, word
from chandlery.kernel.money import Money
from chandlery.parties.letterhead import Letterhead


def paper_of(invoice: Invoice, letterhead: Letterhead, corrected_number: str = "") -> Paper:
    """`corrected_number` is the number of the invoice that a credit note corrects."""
    posted = invoice.as_posted()
    assert posted.number is not None
    assert posted.posted_at is not None
    language = letterhead.language
    home = posted.issuer.postal.country
    unregistered = replace(posted.issuer.company, vat_number="")  # its number stands in the footer
    return Paper(
        kind=posted.kind,
        number=posted.number,
        issued_on=posted.posted_at.date(),
        seller=_block(replace(posted.issuer, company=unregistered), language, home),
        buyer=_block(posted.recipient, language, home),
        lines=tuple(_line(line, posted.currency) for line in posted.lines),
        net=Money(posted.net_minor, posted.currency),
        vat=tuple(
            VatLine(
                tax.treatment.rate,
                Money(tax.net_minor, posted.currency),
                Money(tax.tax_minor, posted.currency),
            )
            for tax in posted.taxes
        ),
        total=posted.gross,
        due_on=posted.due_on,
        facts=_facts(posted, language, corrected_number),
        intro=posted.reason,
        notes=_notes(posted),
        brand=letterhead.brand or posted.issuer.company.legal_name or posted.issuer.name,
        colour=letterhead.colour or COLOUR,
        footer=_footer(posted.issuer, letterhead, language),
        language=language or "en",
    )


def _block(party: Party, language: str, home: str) -> tuple[str, ...]:
    """Who is not in any register and gave no address is at least named."""
    postal = replace(party.postal, company=party.postal.company or party.name)
    return party_lines(postal, party.company, language, home)


def _line(line: InvoiceLine, currency: str) -> PaperLine:
    amount = Money(line.amount_minor, currency)
    return PaperLine(line.name, line.quantity, line.unit, line.rate, amount, line.details)


def _facts(invoice: Invoice, language: str, corrected_number: str) -> tuple[tuple[str, str], ...]:
    facts = (
        (word("corrects", language), corrected_number),
        (word("order", language), invoice.order_number),
        (word("po_number", language), invoice.po_number or ""),
    )
    return tuple((label, value) for label, value in facts if value)


def _notes(invoice: Invoice) -> tuple[str, ...]:
    """Why there is no tax, each reason once; then the issuer's own words."""
    reasons = (tax.treatment.note for tax in invoice.taxes)
    return tuple(dict.fromkeys(note for note in (*reasons, invoice.note) if note))


def _footer(issuer: Party, letterhead: Letterhead, language: str) -> tuple[tuple[str, ...], ...]:
    company = issuer.company
    registered = " ".join(part for part in (company.registration_office, company.registration_number) if part)
    registers = (
        registered and f"{word('registration', language)} {registered}",
        company.vat_number and f"{word('vat_number', language)} {company.vat_number}",
    )
    contact = (company.email, company.phone, company.website)
    columns = (tuple(letterhead.footer.split("\n")), registers, contact)
    return tuple(kept for column in columns if (kept := tuple(line for line in column if line)))
