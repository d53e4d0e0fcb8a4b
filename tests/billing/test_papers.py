from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date
from decimal import Decimal
from io import BytesIO
from typing import Any

import pytest
from pypdf import PdfReader

from chandlery.billing.figures import date_text, money_text, number_text, rate_text
from chandlery.billing.paper import Paper, party_lines
from chandlery.billing.typesetting import render, typeset
from chandlery.kernel.money import Money
from chandlery.parties.address import Postal
from chandlery.parties.company import CompanyFacts
from tests.billing.builders import an_invoice


async def pages(paper: Paper) -> list[list[str]]:
    """The lines of text on each page of the PDF."""
    pdf = PdfReader(BytesIO(await typeset(paper.as_data(), paper.issued_on)))
    return [page.extract_text().splitlines() for page in pdf.pages]


async def test_an_invoice_says_all_that_it_must() -> None:
    (page,) = await pages(an_invoice())
    assert [" ".join(line.split()) for line in page] == GOLDEN


GOLDEN = [
    "Nordlicht Cloud GmbH Invoice",
    "Nordlicht Cloud GmbH · Hafenstraße 12 · 24103 Kiel",
    "Muster & Söhne GmbH",
    "Jo Muster",
    "Hauptstraße 5",
    "07743 Jena",
    "DE136695976",
    "Number 2026-000042",
    "Date 20 November 2026",
    "Due 4 December 2026",
    "Order SO1000001",
    "Your reference PO-7",
    "For the services of November we charge:",
    "# Description Quantity Unit price Amount",
    "1 Cloud Basic, annual commitment",
    "CFQ7TTC0LH18:0001 · 1 to 30 November 2026",
    "25 seats 4.20 105.00 EUR",
    "2 Object storage 1,234.5 GB 0.0295 36.42 EUR",
    "3 Setup 1 120.00 120.00 EUR",
    "Net 261.42 EUR",
    "VAT 19 % on 261.42 EUR 49.67 EUR",
    "Total 311.09 EUR",
    "Please pay within 14 days, stating the number of the invoice.",
    "Nordlicht Cloud GmbH",
    "Hafenstraße 12",
    "24103 Kiel",
    "Amtsgericht Kiel, HRB 4711",
    "VAT no. DE136695976",
    "IBAN DE02 1203 0000 0000 2020 51",
    "billing@example.com",
    "Page 1 of 1",
]


async def test_a_paper_speaks_the_language_of_its_reader() -> None:
    ((*lines,),) = await pages(an_invoice(language="de", kind="order_confirmation"))
    text = " ".join(" ".join(lines).split())
    for words in (
        "Auftragsbestätigung", "20. November 2026", "Fällig", "Einzelpreis", "1.234,5 GB", "0,0295",
        "USt. 19 % auf 261,42 EUR", "Gesamtbetrag 311,09 EUR", "Seite 1 von 1",
    ):  # fmt: skip
        assert words in text


async def test_a_long_paper_repeats_its_head_and_numbers_its_pages() -> None:
    paper = an_invoice(lines=an_invoice().lines * 30)
    found = [" ".join(" ".join(page).split()) for page in await pages(paper)]
    assert len(found) == 4
    assert all(f"Page {number} of 4" in text for number, text in enumerate(found, 1))
    assert all("Description" in text for text in found)
    assert [("Total" in text) for text in found] == [False, False, False, True]


async def test_a_delivery_note_names_no_price() -> None:
    lines = tuple(replace(line, unit_price=None, amount=None) for line in an_invoice().lines)
    paper = an_invoice(kind="delivery_note", lines=lines, net=None, vat=(), total=None, due_on=None)
    ((*found,),) = await pages(paper)
    text = " ".join(found)
    assert "Delivery note" in text
    assert "EUR" not in text
    assert "price" not in text


async def test_the_same_paper_is_the_same_file() -> None:
    paper = an_invoice()
    first, second = await asyncio.gather(*(typeset(paper.as_data(), paper.issued_on) for _ in range(2)))
    assert first == second
    assert PdfReader(BytesIO(first)).metadata["/Title"] == "Invoice 2026-000042"  # type: ignore[index]
    assert first != await typeset(an_invoice(number="2026-000043").as_data(), paper.issued_on)


async def test_what_people_write_is_printed_and_never_obeyed() -> None:
    wild = '#panic("x") $a^2$ *b* <label> @ref https://example.com/?a=b #read("/etc/hostname") \\ [c]'
    lines = (replace(an_invoice().lines[0], name=wild, details=(wild,)),)
    paper = an_invoice(lines=lines, buyer=(wild,), intro=wild, notes=(wild,), brand=wild, footer=((wild,),))
    ((*found,),) = await pages(paper)
    assert '#panic("x") $a^2$ *b* <label> @ref' in " ".join(" ".join(found).split())


async def test_a_name_in_a_script_without_letters_of_ours_still_makes_a_paper() -> None:
    assert await pages(an_invoice(buyer=("株式会社", "Ελλάδα", "Київ", "🙂")))


def test_pictures_of_the_pages_can_be_made_too() -> None:
    paper = an_invoice()
    (picture,) = render(paper.as_data(), paper.issued_on, "png")
    assert picture.startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("number", "places", "english", "german"),
    [
        (Decimal("1234567.50"), None, "1,234,567.5", "1.234.567,5"),
        (1000, None, "1,000", "1.000"),
        (Decimal("-0.5"), 2, "-0.50", "-0,50"),
        (Decimal("1E+3"), None, "1,000", "1.000"),
    ],
)
def test_numbers_are_read_in_each_language(
    number: Any, places: int | None, english: str, german: str
) -> None:
    assert (number_text(number, "en", places), number_text(number, "de-CH", places)) == (english, german)


def test_money_and_rates_show_the_decimals_that_count() -> None:
    assert money_text(Money(123_450, "EUR"), "de") == "1.234,50 EUR"
    assert money_text(Money(1_000, "JPY"), "en") == "1,000 JPY"
    assert money_text(Money(-5, "KWD"), "fr") == "-0.005 KWD"
    assert rate_text(Decimal("0.0295"), "USD", "en") == "0.0295"
    assert rate_text(Decimal("4.2000"), "USD", "en") == "4.20"
    assert rate_text(Decimal(100), "JPY", "en") == "100"
    assert date_text(date(2026, 3, 9), "de") == "9. März 2026"


def test_an_address_block_is_written_as_its_country_does() -> None:
    german = Postal(
        ("Hauptstraße 5",), "Jena", "DE", "07743", given_name="Jo", family_name="Muster", title="Dr."
    )
    facts = CompanyFacts(legal_name="Muster GmbH", vat_number="DE136695976")
    assert party_lines(german, facts, "de", home="DE") == (
        "Muster GmbH", "Dr. Jo Muster", "Hauptstraße 5", "07743 Jena", "USt-IdNr. DE136695976",
    )  # fmt: skip
    american = Postal(("1 Main St", "Suite 2"), "San Francisco", "US", "94105", "CA", company="Acme Inc")
    assert party_lines(american, home="DE") == (
        "Acme Inc", "1 Main St", "Suite 2", "San Francisco, CA 94105", "United States",
    )  # fmt: skip
