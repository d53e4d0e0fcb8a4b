"""Short texts that people type: what fits on one line, and what is a mail address. Checked alike everywhere.

Of addresses only those are refused that no mail system could deliver to; whether anybody reads what is sent there is
found out by writing.
"""

from __future__ import annotations

import re
import unicodedata

MAX_MAILBOX = 254
_BREAKS = frozenset({"Cc", "Cs", "Zl", "Zp"})

_LOCAL = r"[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*"
_LABEL = r"(?!-)[^\W_](?:[\w-]{0,61}[^\W_])?"
_MAILBOX = re.compile(rf"{_LOCAL}@{_LABEL}(?:\.{_LABEL})*")


def is_mailbox(text: str) -> bool:
    """Whether `text` is one bare address (`jo@example.com`): no name, no list, nothing that ends a header."""
    return len(text) <= MAX_MAILBOX and len(text.partition("@")[0]) <= 64 and bool(_MAILBOX.fullmatch(text))


def is_one_line(text: str) -> bool:
    """Whether nothing in it controls a terminal, a header or a page: no line ends, no control characters."""
    return (text.isascii() and text.isprintable()) or all(
        unicodedata.category(c) not in _BREAKS for c in text
    )
