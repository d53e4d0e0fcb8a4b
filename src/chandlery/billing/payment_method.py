"""The noun: what an organisation pays with, as a processor knows it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from chandlery.billing.errors import PaymentMethodUnfit
from chandlery.kernel.errors import Problem
from chandlery.kernel.ids import OrganizationId, PaymentMethodId
from chandlery.kernel.text import is_one_line

MethodKind = Literal["card", "bank_transfer", "direct_debit", "other"]
MAX_TEXT: Final = 200
_CARD = re.compile(r"(?<![\w-])\d(?:[ -]?\d){12,18}(?![\w-])", re.ASCII)


@dataclass(frozen=True, slots=True)
class PaymentMethod:
    """`token` is the processor's name for it, and shown to nobody."""

    id: PaymentMethodId
    owner_id: OrganizationId
    processor: str
    kind: MethodKind
    label: str
    token: str = field(repr=False)
    created_at: datetime
    version: int = 1

    def checked(self) -> PaymentMethod:
        problems = []
        if not 1 <= len(self.label.strip()) <= MAX_TEXT or not is_one_line(self.label):
            problems.append(
                Problem("label", f"Give a label of 1 to {MAX_TEXT} characters, on one line.", "text")
            )
        if len(self.token) > MAX_TEXT or not is_one_line(self.token):
            message = f"Give the processor's token, of at most {MAX_TEXT} characters; never a card's number."
            problems.append(Problem("token", message, "text"))
        if looks_like_a_card(self.token) or looks_like_a_card(self.label):
            message = "This looks like the number of a card, which must not be kept here; give a token."
            problems.append(Problem("token", message, "card_number"))
        if problems:
            raise PaymentMethodUnfit(*problems)
        return self


def looks_like_a_card(text: str) -> bool:
    """Whether 13 to 19 digits stand in it, on their own, whose check digit is right."""
    return any(_is_checked(found[0]) for found in _CARD.finditer(text))


def _is_checked(number: str) -> bool:
    digits = [int(letter) for letter in reversed(number) if letter.isdigit()]
    return sum(d if n % 2 == 0 else d * 2 - 9 * (d > 4) for n, d in enumerate(digits)) % 10 == 0
