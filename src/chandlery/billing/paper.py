"""A paper before it is set: what an invoice, a credit note or an order confirmation says, in exact figures.

`Paper.as_data` turns it into the plain words of one language, which is all that the template ever sees.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

from chandlery.billing.figures import date_text, money_text, number_text, rate_text, spoken
from chandlery.kernel.money import Money
from chandlery.parties.address import Postal
from chandlery.parties.company import CompanyFacts
from chandlery.parties.countries import countries

COLOUR: Final = "#1f5f8b"

_WORDS: Final = {
    "en": {
        "invoice": "Invoice",
        "credit_note": "Credit note",
        "order_confirmation": "Order confirmation",
        "quote": "Quote",
        "delivery_note": "Delivery note",
        "number": "Number",
        "issued_on": "Date",
        "due_on": "Due",
        "columns": ["#", "Description", "Quantity", "Unit price", "Amount"],
        "net": "Net",
        "vat": "VAT {rate} % on {net}",
        "total": "Total",
        "page": ["Page", "of"],
        "vat_number": "VAT no.",
        "order": "Order",
        "po_number": "Your reference",
        "corrects": "Corrects",
        "registration": "Reg. no.",
    },
    "de": {
        "invoice": "Rechnung",
        "credit_note": "Rechnungskorrektur",
        "order_confirmation": "Auftragsbestätigung",
        "quote": "Angebot",
        "delivery_note": "Lieferschein",
        "number": "Nummer",
        "issued_on": "Datum",
        "due_on": "Fällig",
        "columns": ["#", "Beschreibung", "Menge", "Einzelpreis", "Betrag"],
        "net": "Netto",
        "vat": "USt. {rate} % auf {net}",
        "total": "Gesamtbetrag",
        "page": ["Seite", "von"],
        "vat_number": "USt-IdNr.",
        "order": "Bestellung",
        "po_number": "Ihr Zeichen",
        "corrects": "Korrigiert",
        "registration": "Reg.-Nr.",
    },
}
_REGION_LAST: Final = ("US", "CA", "AU", "GB", "IE")


@dataclass(frozen=True, slots=True)
class PaperLine:
    """One line; a delivery note has no prices."""

    name: str
    quantity: Decimal | int
    unit: str = ""
    unit_price: Decimal | None = None
    amount: Money | None = None
    details: tuple[str, ...] = ()
    """Small print below the name: SKU, period, serial numbers."""


@dataclass(frozen=True, slots=True)
class VatLine:
    """The tax of one rate; `rate` is a percentage."""

    rate: Decimal
    net: Money
    tax: Money


@dataclass(frozen=True, slots=True)
class Paper:
    """Everything that is printed."""

    kind: str
    number: str
    issued_on: date
    seller: tuple[str, ...]
    buyer: tuple[str, ...]
    lines: tuple[PaperLine, ...]
    net: Money | None = None
    vat: tuple[VatLine, ...] = ()
    total: Money | None = None
    due_on: date | None = None
    facts: tuple[tuple[str, str], ...] = ()
    """More of what stands beside the address: order number, the customer's reference."""
    intro: str = ""
    notes: tuple[str, ...] = ()
    """Terms of payment, the reason why no tax is charged."""
    brand: str = ""
    colour: str = COLOUR
    footer: tuple[tuple[str, ...], ...] = ()
    """Up to three columns: registers, bank, contact."""
    language: str = "en"

    def as_data(self) -> dict[str, Any]:
        """JSON values in the words of the paper's language: what the template takes."""
        words: dict[str, Any] = _WORDS[spoken(self.language)]
        facts = [
            [words["number"], self.number],
            [words["issued_on"], date_text(self.issued_on, self.language)],
        ]
        if self.due_on is not None:
            facts.append([words["due_on"], date_text(self.due_on, self.language)])
        return {
            "language": spoken(self.language),
            "title": words[self.kind],
            "number": self.number,
            "brand": self.brand or (self.seller[0] if self.seller else ""),
            "colour": self.colour,
            "seller": list(self.seller),
            "buyer": list(self.buyer),
            "facts": [*facts, *(list(fact) for fact in self.facts)],
            "intro": self.intro,
            "columns": words["columns"],
            "priced": any(line.amount is not None for line in self.lines),
            "lines": [self._line(position, line) for position, line in enumerate(self.lines, 1)],
            "totals": self._totals(words),
            "total": [] if self.total is None else [words["total"], money_text(self.total, self.language)],
            "notes": list(self.notes),
            "footer": [list(column) for column in self.footer[:3]],
            "page": words["page"],
        }

    def _line(self, position: int, line: PaperLine) -> dict[str, Any]:
        price = ""
        if line.unit_price is not None and line.amount is not None:
            price = rate_text(line.unit_price, line.amount.currency, self.language)
        return {
            "position": str(position),
            "name": line.name,
            "details": list(line.details),
            "quantity": f"{number_text(line.quantity, self.language)} {line.unit}".strip(),
            "price": price,
            "amount": "" if line.amount is None else money_text(line.amount, self.language),
        }

    def _totals(self, words: dict[str, Any]) -> list[list[str]]:
        if self.net is None:
            return []
        rows = [[words["net"], money_text(self.net, self.language)]]
        for vat in self.vat:
            rate, net = number_text(vat.rate, self.language), money_text(vat.net, self.language)
            rows.append([words["vat"].format(rate=rate, net=net), money_text(vat.tax, self.language)])
        return rows


def word(name: str, language: str) -> str:
    """One of the words of papers, for those facts that a caller puts together."""
    return str(_WORDS[spoken(language)][name])


def party_lines(
    postal: Postal, company: CompanyFacts | None = None, language: str = "en", home: str = ""
) -> tuple[str, ...]:
    """An address block, and the VAT number below it; the country is named unless the letter stays at `home`."""
    town: Sequence[str] = (postal.postcode, postal.city)
    if postal.country in _REGION_LAST:
        town = (", ".join(part for part in (postal.city, postal.region) if part), postal.postcode)
    name = company.legal_name if company is not None and company.legal_name else postal.company
    country = countries().get(postal.country)
    vat = company.vat_number if company is not None else ""
    lines = [
        name,
        postal.person,
        *postal.lines,
        postal.district,
        " ".join(part for part in town if part),
        country.name if country is not None and postal.country != home else "",
        f"{_WORDS[spoken(language)]['vat_number']} {vat}" if vat else "",
    ]
    return tuple(line for line in lines if line.strip())
