"""What can be done with documents: keep, upload, remove an upload, read, and open through a signed link.

A link is for whoever holds it, for as long as it says: a browser that opens a PDF has no token. It names the tenant,
the document and its end, and is signed; what is forged, expired or gone is one and the same answer.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from chandlery.billing._store import documents as store
from chandlery.billing._store.documents import DocumentFilter
from chandlery.billing._store.documents import about as documents_about
from chandlery.billing.document import KINDS, UPLOAD, Document, File
from chandlery.billing.errors import DocumentKept, DocumentUnfit, DocumentUnknown
from chandlery.engine.errors import SessionEnded
from chandlery.engine.unit_of_work import Engine, Reader, Unit
from chandlery.identity import permissions
from chandlery.kernel.actor import Actor, system
from chandlery.kernel.errors import Problem
from chandlery.kernel.events import Event
from chandlery.kernel.ids import DocumentId, OrganizationId, TenantId, new_id
from chandlery.kernel.page import Page, PageRequest, page_of

__all__ = [
    "Document",
    "DocumentFilter",
    "File",
    "FindDocuments",
    "KeepDocument",
    "Links",
    "documents_about",
    "find_documents",
    "get_document",
    "keep_document",
    "open_link",
    "read_document",
    "remove_document",
    "upload_document",
]


@dataclass(frozen=True, slots=True)
class KeepDocument:
    """A file, whose it is and what it is about."""

    owner_id: OrganizationId
    file: File
    subject: str
    subject_id: UUID
    kind: str = UPLOAD
    between: tuple[OrganizationId, OrganizationId] | None = None
    """Issuer and recipient, if it is for their eyes only; else the owner and everyone above see it."""


@dataclass(frozen=True, slots=True)
class FindDocuments:
    """A page of one organisation's documents, oldest first."""

    wanted: DocumentFilter
    page: PageRequest = field(default_factory=PageRequest)


async def upload_document(unit: Unit, actor: Actor, command: KeepDocument) -> Document:
    """Somebody's own file; papers of the books are kept by the server alone, with `keep_document`."""
    actor.require(permissions.DOCUMENTS_WRITE)
    if command.kind != UPLOAD:
        raise DocumentUnfit(Problem("kind", f"What is uploaded is of the kind `{UPLOAD}`.", "choice"))
    return await _keep(unit, command)


async def keep_document(unit: Unit, actor: Actor, command: KeepDocument) -> Document:
    """A paper that the server made; no surface leads here."""
    actor.require(permissions.DOCUMENTS_WRITE)
    assert command.kind in KINDS, command.kind
    return await _keep(unit, command)


async def remove_document(unit: Unit, actor: Actor, document_id: DocumentId) -> None:
    actor.require(permissions.DOCUMENTS_WRITE)
    document = await unit.fetch(store.document(document_id))
    if document.kind != UPLOAD:
        raise DocumentKept
    unit.write(store.remove(document_id))
    unit.emit(_event("document.removed", document))


async def get_document(reader: Reader, actor: Actor, document_id: DocumentId) -> Document:
    actor.require(permissions.DOCUMENTS_READ)
    return await reader.fetch(store.document(document_id))


async def read_document(reader: Reader, actor: Actor, document_id: DocumentId) -> File:
    """The document with its bytes."""
    actor.require(permissions.DOCUMENTS_READ)
    document, content = await reader.fetch(store.with_content(document_id))
    return File(document.filename, document.media_type, content)


async def find_documents(reader: Reader, actor: Actor, command: FindDocuments) -> Page[Document]:
    actor.require(permissions.DOCUMENTS_READ)
    _, rows = await reader.fetch(
        store.owner(command.wanted.owner_id), store.find(command.wanted, command.page)
    )
    return page_of(rows, command.page.limit, lambda d: (d.created_at, d.id))


async def _keep(unit: Unit, command: KeepDocument) -> Document:
    file = command.file.checked()
    await unit.fetch(store.owner(command.owner_id))
    document = Document(
        DocumentId(new_id()),
        command.owner_id,
        command.kind,
        command.subject,
        command.subject_id,
        file.filename,
        file.media_type,
        len(file.content),
        file.sha256,
        unit.now,
    )
    unit.write(store.add(document, file.content, command.between))
    unit.emit(_event("document.added", document))
    return document


def _event(name: str, document: Document) -> Event:
    data = {"kind": document.kind, "subject": document.subject, "subject_id": str(document.subject_id)}
    return Event(name, document.id, document.owner_id, data)


_SIGNED: Final = 16 + 16 + 8
_TOKEN: Final = _SIGNED + hashlib.sha256().digest_size


@dataclass(frozen=True, slots=True)
class Links:
    """Makes and opens links with a key of their own, derived by the caller from the server's master key."""

    key: bytes = field(repr=False)

    def sign(self, tenant_id: TenantId, document_id: DocumentId, expires_at: datetime) -> str:
        """A token for a URL, good until `expires_at` on the tenant's clock; whole seconds."""
        end = int(expires_at.timestamp()).to_bytes(8, "big")
        signed = tenant_id.bytes + document_id.bytes + end
        return base64.urlsafe_b64encode(signed + self._mac(signed)).decode()

    def verified(self, token: str) -> tuple[TenantId, DocumentId, datetime]:
        """What a token of ours says; the end is still to be compared with the tenant's clock."""
        try:
            given = base64.b64decode(token.encode("ascii"), b"-_", validate=True)
        except (ValueError, binascii.Error):
            raise DocumentUnknown from None
        signed, mac = given[:_SIGNED], given[_SIGNED:]
        if len(given) != _TOKEN or not hmac.compare_digest(mac, self._mac(signed)):
            raise DocumentUnknown
        end = datetime.fromtimestamp(int.from_bytes(signed[32:], "big"), UTC)
        return TenantId(UUID(bytes=signed[:16])), DocumentId(UUID(bytes=signed[16:32])), end

    def _mac(self, signed: bytes) -> bytes:
        return hmac.new(self.key, b"document link\n" + signed, hashlib.sha256).digest()


async def open_link(engine: Engine, links: Links, token: str) -> File:
    """The file behind a link, for anybody who holds it in time."""
    tenant_id, document_id, end = links.verified(token)

    async def read(reader: Reader, _actor: Actor, wanted: DocumentId) -> File:
        document, content = await reader.fetch(store.with_content(wanted))
        if reader.now >= end:
            raise DocumentUnknown
        return File(document.filename, document.media_type, content)

    try:
        return await engine.read(system(tenant_id, "document_link"), read, document_id)
    except SessionEnded:  # the tenant itself is gone
        raise DocumentUnknown from None
