"""The noun: how an organisation invoices: when, with which numbers, payable until when, and with which words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from chandlery.billing.errors import PolicyUnfit
from chandlery.kernel.errors import Problem
from chandlery.kernel.text import is_one_line

INVOICING: Final = "invoicing"
"""The feature that a tenant comes to use when somebody in it invoices on completion."""
MAX_NOTE: Final = 500
_PREFIX = re.compile(r"[A-Z0-9]{1,10}-")


@dataclass(frozen=True, slots=True)
class Policy:
    """`on_completion`: as soon as all of an order is fulfilled. `note` is printed below: terms, bank account."""

    invoices: Literal["on_demand", "on_completion"] = "on_demand"
    due_days: int = 14
    invoice_prefix: str = "INV-"
    credit_note_prefix: str = "CN-"
    note: str = ""
    version: int = 0
    """0: the organisation never said, and this is how it is for all."""

    def number(self, kind: str, serial: int) -> str:
        prefix = self.invoice_prefix if kind == "invoice" else self.credit_note_prefix
        return f"{prefix}{serial:06d}"

    def checked(self) -> Policy:
        """Itself; refuses with every problem at once."""
        problems = [
            Problem(name, "Give 1 to 10 capital letters or digits and a hyphen, such as INV-.", "prefix")
            for name in ("invoice_prefix", "credit_note_prefix")
            if not _PREFIX.fullmatch(getattr(self, name))
        ]
        if self.invoice_prefix == self.credit_note_prefix:
            problems.append(
                Problem("credit_note_prefix", "Give credit notes numbers of their own.", "prefix")
            )
        if not 0 <= self.due_days <= 365:
            problems.append(Problem("due_days", "Give 0 to 365 days.", "out_of_range"))
        if len(self.note) > MAX_NOTE or not is_one_line(self.note):
            problems.append(Problem("note", f"Give at most {MAX_NOTE} characters, on one line.", "text"))
        if problems:
            raise PolicyUnfit(*problems)
        return self
