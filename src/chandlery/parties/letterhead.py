"""The noun: how an organisation appears on its letters and documents, and in which language it is written to.

What it does not say itself is said by the next organisation above it that does, and at last by the server's settings.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields

from chandlery.kernel.errors import Problem
from chandlery.kernel.text import is_mailbox, is_one_line
from chandlery.parties.address import MAX_TEXT, is_text
from chandlery.parties.errors import LetterheadUnfit

MAX_FOOTER = 1000

_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Z]{2})?")
_COLOUR = re.compile(r"#[0-9a-f]{6}")


@dataclass(frozen=True, slots=True)
class Letterhead:
    """Empty means: as the organisation above has it."""

    brand: str = ""
    """The name at the head of letters and documents."""
    colour: str = ""
    """The accent, as `#1f5f8b`."""
    sender: str = ""
    """The mail address that letters come from; the mail server must be allowed to send for its domain."""
    reply_to: str = ""
    language: str = ""
    """`en`, `de`, `de-AT`."""
    footer: str = ""
    """Small print below documents: bank, board, registers."""

    def checked(self) -> Letterhead:
        """Itself; refuses with every problem at once."""
        problems = [
            Problem(name, "Give one mail address such as shop@example.com.", "email")
            for name in ("sender", "reply_to")
            if getattr(self, name) and not is_mailbox(getattr(self, name))
        ]
        if not is_text(self.brand):
            problems.append(Problem("brand", f"Give at most {MAX_TEXT} characters, on one line.", "text"))
        if self.colour and not _COLOUR.fullmatch(self.colour):
            problems.append(Problem("colour", "Give a colour such as #1f5f8b, in small letters.", "colour"))
        if self.language and not is_language(self.language):
            problems.append(Problem("language", "Give a language such as en or de-AT.", "language"))
        if len(self.footer) > MAX_FOOTER or not all(is_one_line(line) for line in self.footer.split("\n")):
            problems.append(Problem("footer", f"Give at most {MAX_FOOTER} characters of plain text.", "text"))
        if problems:
            raise LetterheadUnfit(*problems)
        return self

    def over(self, above: Letterhead) -> Letterhead:
        """This one, with what it leaves open filled from the one above."""
        return Letterhead(*(getattr(self, f.name) or getattr(above, f.name) for f in fields(self)))


def is_language(text: str) -> bool:
    return bool(_LANGUAGE.fullmatch(text))
