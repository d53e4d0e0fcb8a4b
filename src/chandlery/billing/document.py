"""The noun: a paper that belongs to an organisation, and which files may become one.

The type of an upload is read from its first bytes; what a browser or a caller says it is must agree.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from unicodedata import category
from uuid import UUID

from chandlery.billing.errors import DocumentUnfit
from chandlery.kernel.errors import Problem
from chandlery.kernel.ids import DocumentId, OrganizationId

UPLOAD: Final = "upload"
KINDS: Final = ("invoice", "credit_note", "order_confirmation", "delivery_note", "quote", "report", UPLOAD)
MAX_BYTES: Final = 20 * 1024 * 1024
MAX_FILENAME: Final = 150

_MAGIC: Final = (
    (b"%PDF-", "application/pdf"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
)
_TEXTS: Final = ("text/plain", "text/csv")
ALLOWED: Final = (*(media_type for _, media_type in _MAGIC), *_TEXTS)
_CONTROL = frozenset(range(32)) - frozenset(b"\t\n\r\f")


@dataclass(frozen=True, slots=True)
class Document:
    """What is known of a paper; its bytes are fetched on their own."""

    id: DocumentId
    owner_id: OrganizationId
    kind: str
    subject: str
    """What it is about: `order`, `invoice`."""
    subject_id: UUID
    filename: str
    media_type: str
    size_bytes: int
    sha256: bytes
    created_at: datetime


@dataclass(frozen=True, slots=True)
class File:
    """Bytes with a name and a type, on their way in or out."""

    filename: str
    media_type: str
    content: bytes

    def checked(self) -> File:
        """Itself; refuses with every problem at once."""
        problems = []
        name = self.filename
        if not 1 <= len(name) <= MAX_FILENAME or not _is_plain(name):
            problems.append(
                Problem(
                    "filename", f"Give a plain name of 1 to {MAX_FILENAME} characters, no path.", "filename"
                )
            )
        elif name.startswith((".", " ")) or name.endswith((".", " ")):
            problems.append(
                Problem("filename", "A name neither begins nor ends with a dot or a space.", "filename")
            )
        if self.media_type not in ALLOWED:
            problems.append(Problem("media_type", f"One of: {', '.join(ALLOWED)}.", "choice"))
        if not 1 <= len(self.content) <= MAX_BYTES:
            problems.append(Problem("content", f"Give 1 to {MAX_BYTES} bytes.", "size"))
        elif self.media_type in ALLOWED and not is_of_type(self.content, self.media_type):
            problems.append(Problem("content", f"This is no file of type {self.media_type}.", "media_type"))
        if problems:
            raise DocumentUnfit(*problems)
        return self

    @property
    def sha256(self) -> bytes:
        return hashlib.sha256(self.content).digest()


def _is_plain(name: str) -> bool:
    """No path, no line ends, and nothing that turns the direction of reading (`fdp.exe` shown as `exe.pdf`)."""
    return not set(name) & set('/\\:*?"<>|') and all(
        category(c) not in {"Cc", "Cf", "Cs", "Zl", "Zp"} for c in name
    )


def is_of_type(content: bytes, media_type: str) -> bool:
    """Whether the bytes are what they are said to be; text is UTF-8 without control characters."""
    for magic, known in _MAGIC:
        if content.startswith(magic):
            return media_type == known
    if media_type not in _TEXTS or not _CONTROL.isdisjoint(content):
        return False
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True
