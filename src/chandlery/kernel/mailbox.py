"""Mail addresses: what people, contacts and letters all have, checked alike everywhere.

Only what a mail system could not deliver is refused. Whether anybody reads it is found out by writing to it.
"""

from __future__ import annotations

import re

MAX_MAILBOX = 254

_LOCAL = r"[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*"
_LABEL = r"(?!-)[^\W_](?:[\w-]{0,61}[^\W_])?"
_MAILBOX = re.compile(rf"{_LOCAL}@{_LABEL}(?:\.{_LABEL})*")


def is_mailbox(text: str) -> bool:
    """Whether `text` is one bare address (`jo@example.com`): no name, no list, nothing that ends a header."""
    return len(text) <= MAX_MAILBOX and len(text.partition("@")[0]) <= 64 and bool(_MAILBOX.fullmatch(text))
