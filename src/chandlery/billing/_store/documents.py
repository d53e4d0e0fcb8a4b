"""Documents in the database; no list ever touches their bytes."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from chandlery.billing.document import Document
from chandlery.billing.errors import DocumentUnknown, OwnerUnknown
from chandlery.engine.statements import Query, Row, Write, many, one, scalar
from chandlery.kernel.ids import DocumentId, OrganizationId
from chandlery.kernel.page import PageRequest

_ONE = """
SELECT id, owner_id, kind, subject, subject_id, filename, media_type, size_bytes, sha256, created_at
FROM documents WHERE id = %s
"""
_WITH_CONTENT = """
SELECT id, owner_id, kind, subject, subject_id, filename, media_type, size_bytes, sha256, created_at, content
FROM documents WHERE id = %s
"""
_FIND = """
SELECT id, owner_id, kind, subject, subject_id, filename, media_type, size_bytes, sha256, created_at
FROM documents
WHERE tenant_id = scope_tenant() AND owner_id = %(owner)s
    AND (%(kind)s::text IS NULL OR kind = %(kind)s::text)
    AND (%(subject)s::uuid IS NULL OR subject_id = %(subject)s::uuid)
    AND (created_at, id) > (
        coalesce(%(after)s::timestamptz, '-infinity'),
        coalesce(%(after_id)s::uuid, '00000000-0000-0000-0000-000000000000')
    )
ORDER BY created_at, id LIMIT %(limit)s
"""
_ABOUT = """
SELECT id, owner_id, kind, subject, subject_id, filename, media_type, size_bytes, sha256, created_at
FROM documents
WHERE tenant_id = scope_tenant() AND subject_id = ANY(%s::uuid[])
ORDER BY created_at, id LIMIT 1000
"""


@dataclass(frozen=True, slots=True)
class DocumentFilter:
    """Which of an organisation's documents a list shows; None means any."""

    owner_id: OrganizationId
    kind: str | None = None
    subject_id: UUID | None = None


def _decode(row: Row) -> Document:
    return Document(*row)


def document(document_id: DocumentId) -> Query[Document]:
    return one(_ONE, (document_id,), _decode, DocumentUnknown)


def with_content(document_id: DocumentId) -> Query[tuple[Document, bytes]]:
    return one(_WITH_CONTENT, (document_id,), lambda row: (Document(*row[:-1]), row[-1]), DocumentUnknown)


def find(wanted: DocumentFilter, page: PageRequest) -> Query[list[Document]]:
    after, after_id = page.after or (None, None)
    params = {
        "owner": wanted.owner_id,
        "kind": wanted.kind,
        "subject": wanted.subject_id,
        "after": after,
        "after_id": after_id,
        "limit": page.limit + 1,
    }
    return many(_FIND, params, _decode)


def about(subject_ids: list[UUID]) -> Query[list[Document]]:
    """The documents of some orders or invoices, as far as the actor may see them."""
    return many(_ABOUT, (subject_ids,), _decode)


def owner(owner_id: OrganizationId) -> Query[OrganizationId]:
    return one(
        "SELECT id FROM organizations WHERE tenant_id = scope_tenant() AND id = %s",
        (owner_id,),
        scalar,
        OwnerUnknown,
    )


def add(new: Document, content: bytes, between: tuple[OrganizationId, OrganizationId] | None = None) -> Write:
    issuer_id, recipient_id = between or (None, None)
    return Write(
        "INSERT INTO documents (id, tenant_id, owner_id, owner_path, kind, subject, subject_id, filename, media_type,"
        " size_bytes, sha256, created_at, content, issuer_id, recipient_id) SELECT %s, scope_tenant(), o.id, o.path,"
        " %s::text, %s::text, %s, %s::text, %s::text, %s::integer, %s::bytea, %s::timestamptz, %s::bytea, %s::uuid,"
        " %s::uuid FROM organizations o WHERE o.id = %s",
        (
            new.id,
            new.kind,
            new.subject,
            new.subject_id,
            new.filename,
            new.media_type,
            new.size_bytes,
            new.sha256,
            new.created_at,
            content,
            issuer_id,
            recipient_id,
            new.owner_id,
        ),
    )


def remove(document_id: DocumentId) -> Write:
    return Write("DELETE FROM documents WHERE id = %s", (document_id,))
