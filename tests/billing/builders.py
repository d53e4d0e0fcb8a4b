"""Builders for papers."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from chandlery.billing.paper import Paper, PaperLine, VatLine
from chandlery.kernel.money import Money


def eur(minor: int) -> Money:
    return Money(minor, "EUR")


def an_invoice(**changes: Any) -> Paper:
    values: dict[str, Any] = {
        "kind": "invoice",
        "number": "2026-000042",
        "issued_on": date(2026, 11, 20),
        "due_on": date(2026, 12, 4),
        "seller": ("Nordlicht Cloud GmbH", "Hafenstraße 12", "24103 Kiel"),
        "buyer": ("Muster & Söhne GmbH", "Jo Muster", "Hauptstraße 5", "07743 Jena", "DE136695976"),
        "lines": (
            PaperLine(
                "Cloud Basic, annual commitment",
                25,
                "seats",
                Decimal("4.2"),
                eur(10_500),
                ("CFQ7TTC0LH18:0001 · 1 to 30 November 2026",),
            ),
            PaperLine("Object storage", Decimal("1234.5"), "GB", Decimal("0.0295"), eur(3_642)),
            PaperLine("Setup", 1, "", Decimal(120), eur(12_000)),
        ),
        "net": eur(26_142),
        "vat": (VatLine(Decimal(19), eur(26_142), eur(4_967)),),
        "total": eur(31_109),
        "facts": (("Order", "SO1000001"), ("Your reference", "PO-7")),
        "intro": "For the services of November we charge:",
        "notes": ("Please pay within 14 days, stating the number of the invoice.",),
        "footer": (
            ("Nordlicht Cloud GmbH", "Hafenstraße 12", "24103 Kiel"),
            ("Amtsgericht Kiel, HRB 4711", "VAT no. DE136695976"),
            ("IBAN DE02 1203 0000 0000 2020 51", "billing@example.com"),
        ),
    }
    return Paper(**{**values, **changes})
