from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from chandlery.engine.unit_of_work import Engine, Unit
from chandlery.identity import permissions
from chandlery.kernel.actor import Actor
from chandlery.kernel.ids import LetterId
from chandlery.kernel.money import Money
from chandlery.parties.companies import Letterhead, PutLetterhead, put_letterhead
from chandlery.processes.letters.composing import Reader, compose, send
from chandlery.processes.letters.matters import (
    ApprovalWanted,
    Invitation,
    LetterLine,
    Matter,
    OrderConfirmation,
    PasswordReset,
    RenewalAhead,
)
from tests.builders import Tenant, allowed

AT = datetime(2026, 12, 1, 9, 30, tzinfo=UTC)
LINK = "https://shop.example.com/x?a=1&b=2"
JO = Reader("jo@example.com", "Jo")
INVITATION = Invitation("Acme Ltd", "Kim", LINK, AT)
ORDER = OrderConfirmation(
    "SO1000001",
    (LetterLine("Cloud Basic", 3, Money(123_450, "EUR")), LetterLine("Setup", Decimal("1.5"))),
    Money(123_450, "EUR"),
    "PO-7",
    "Acme Ltd",
    LINK,
)
EVERY: list[tuple[Matter, str, str]] = [
    (INVITATION, "Kim invites you to Acme Ltd", "Kim lädt Sie zu Acme Ltd ein"),
    (PasswordReset(LINK, AT), "Your new password at Chandlery", "Ihr neues Passwort bei Chandlery"),
    (ORDER, "Order SO1000001 received", "Bestellung SO1000001 eingegangen"),
    (
        ApprovalWanted("SO7", "Acme Ltd", "Kim", Money(5, "EUR"), "above 1,000 EUR", LINK),
        "Order SO7 waits for your approval",
        "Bestellung SO7 wartet auf Ihre Freigabe",
    ),
    (
        RenewalAhead("Cloud Basic", 5, AT, True, AT, Money(5, "EUR"), LINK),
        "Cloud Basic renews on 1 December 2026",
        "Cloud Basic verlängert sich am 1. Dezember 2026",
    ),
    (
        RenewalAhead("Cloud Basic", 5, AT, False, AT, None, LINK),
        "Cloud Basic ends on 1 December 2026",
        "Cloud Basic endet am 1. Dezember 2026",
    ),
]


@pytest.mark.parametrize(("matter", "english", "german"), EVERY)
def test_each_letter_is_written_in_each_language(matter: Matter, english: str, german: str) -> None:
    letters = [
        compose(matter, Reader("jo@example.com", "Jo", language), Letterhead())
        for language in ("en", "de-AT")
    ]
    assert [letter.subject for letter in letters] == [english, german]
    assert [letter.language for letter in letters] == ["en", "de"]
    for letter, hello in zip(letters, ("Hello Jo,\n\n", "Guten Tag Jo,\n\n"), strict=True):
        letter.checked()
        assert letter.text.startswith(hello)
        assert f"\n\n{LINK}\n" in letter.text
        assert letter.html is not None
        assert 'href="https://shop.example.com/x?a=1&amp;b=2"' in letter.html


def test_an_order_confirmation_lists_what_was_ordered() -> None:
    letter = compose(ORDER, JO, Letterhead(language="de", footer="Acme AG\nBank 1"))
    assert letter.text == (
        "Guten Tag Jo,\n"
        "\n"
        "vielen Dank für Ihre Bestellung SO1000001 (Ihr Zeichen: PO-7) für Acme Ltd."
        " Sie ist eingegangen und in Arbeit:\n"
        "\n"
        "    3 × Cloud Basic                                         1.234,50 EUR\n"  # noqa: RUF001
        "    1,5 × Setup\n"  # noqa: RUF001
        "    Summe                                                   1.234,50 EUR\n"
        "\n"
        "Hier sehen Sie den Stand:\n"
        "\n"
        f"{LINK}\n"
        "\n"
        "Wir melden uns wieder, falls etwas dazwischenkommt.\n"
        "\n"
        "-- \n"
        "Acme AG\n"
        "Bank 1\n"
    )


def test_a_letter_without_a_language_of_ours_is_english() -> None:
    assert compose(INVITATION, Reader("a@b.example", "", "fr"), Letterhead(language="de")).language == "en"
    assert compose(INVITATION, JO, Letterhead()).language == "en"


def test_what_people_name_things_stays_text() -> None:
    matter = Invitation(
        "<b>Acme</b>\r\nBcc: all@example.com\n\nhttps://evil.example\n\n", "{{ 7*7 }}", LINK, AT
    )
    letter = compose(matter, Reader("jo@example.com", "Jo\n\nhttps://evil.example"), Letterhead())
    letter.checked()
    assert letter.subject == "{{ 7*7 }} invites you to <b>Acme</b> Bcc: all@example.com https://evil.example"
    assert letter.html is not None
    assert "<b>" not in letter.html
    assert letter.html.count("<a ") == 1


async def post(unit: Unit, actor: Actor, matter: Matter) -> LetterId:
    return await send(unit, actor.organization_id, JO, matter)


async def test_a_letter_bears_the_letterhead_of_its_organisation_and_of_those_above(
    engine: Engine, tenant: Tenant, owner: psycopg.Connection[Any]
) -> None:
    for actor, letterhead in (
        (tenant.operator, Letterhead(brand="Distributor", sender="shop@example.org", language="de")),
        (tenant.reseller, Letterhead(brand="Reseller", reply_to="help@example.net")),
    ):
        writer = allowed(actor, permissions.PARTIES_WRITE)
        await engine.perform(writer, put_letterhead, PutLetterhead(actor.organization_id, letterhead))
    letter_id = (await engine.perform(tenant.customer, post, INVITATION)).result
    rows = owner.execute(
        "SELECT recipient, sender, sender_name, reply_to, language, subject, owner_id, state FROM letters"
        " WHERE id = %s",
        (letter_id,),
    ).fetchall()
    assert rows == [
        (
            "jo@example.com",
            "shop@example.org",
            "Reseller",
            "help@example.net",
            "de",
            "Kim lädt Sie zu Acme Ltd ein",
            tenant.customer.organization_id,
            "queued",
        )
    ]
