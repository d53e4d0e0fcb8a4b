"""Documents: papers of the books, uploads, and links that open one for whoever holds them in time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Literal
from urllib.parse import quote
from uuid import UUID

import msgspec
from msgspec import Meta

from chandlery.billing import documents
from chandlery.billing.document import ALLOWED, Document, File
from chandlery.billing.errors import DocumentUnknown
from chandlery.engine.unit_of_work import Reader
from chandlery.kernel.actor import Actor
from chandlery.kernel.ids import DocumentId, OrganizationId
from chandlery.processes.uploads import Upload, upload
from chandlery.surfaces.http.call import Call
from chandlery.surfaces.http.decoding import Body
from chandlery.surfaces.http.route import Reply
from chandlery.surfaces.native.dialect import PageQuery, page_reply
from chandlery.surfaces.native.fields import Id
from chandlery.surfaces.native.wiring import wired

DocumentKind = Literal[
    "invoice", "credit_note", "order_confirmation", "delivery_note", "quote", "report", "upload"
]
LINK_PURPOSE = "document-links"


class DocumentBody(msgspec.Struct, kw_only=True):
    """What is known of a document; `subject` is what it is about."""

    id: UUID
    organization_id: UUID
    kind: str
    subject: str
    subject_id: UUID
    filename: str
    media_type: str
    size_bytes: int
    sha256: Annotated[str, Meta(description="In hexadecimal.")]
    created_at: datetime


class LinkBody(msgspec.Struct, kw_only=True):
    """Opens the document for anybody who has it, until it expires."""

    url: str
    expires_at: datetime


class NewLink(Body):
    expires_in_seconds: Annotated[int, Meta(ge=60, le=30 * 86_400, examples=[3600])] = 3600


class DocumentQuery(PageQuery):
    organization_id: Annotated[Id, Meta(description="Whose; your own unless given.")] | None = None
    kind: DocumentKind | None = None
    subject_id: Annotated[Id, Meta(description="An order, for one.")] | None = None


class UploadQuery(Body):
    """The file itself is the body, its type the content type."""

    filename: Annotated[str, Meta(examples=["signed-offer.pdf"])] = "upload"
    order_id: Annotated[Id, Meta(description="What it is about; else your organisation.")] | None = None


async def list_documents(call: Call) -> Reply:
    query: DocumentQuery = call.query
    owner_id = OrganizationId(query.organization_id or call.actor.organization_id)
    wanted = documents.DocumentFilter(owner_id, query.kind, query.subject_id)
    found = await call.read(documents.find_documents, documents.FindDocuments(wanted, query.page()))
    return page_reply(found, _body)


async def upload_document(call: Call, body: bytes) -> Reply:
    query: UploadQuery = call.query
    media_type = (call.header("content-type") or ALLOWED[0]).partition(";")[0].strip().lower()
    command = Upload(File(query.filename, media_type, body), query.order_id)
    return await call.perform(upload, command, reply=lambda kept: Reply(_body(kept)))


async def get_document(call: Call) -> Reply:
    return Reply(_body(await call.read(documents.get_document, document_id(call))))


async def get_document_content(call: Call) -> Reply:
    return _file(await call.read(documents.read_document, document_id(call)))


async def remove_document(call: Call) -> Reply:
    return await call.perform(documents.remove_document, document_id(call), reply=lambda _: Reply())


async def make_document_link(call: Call, body: NewLink) -> Reply:
    document, now = await call.read(_with_time, document_id(call))
    expires_at = (now + timedelta(seconds=body.expires_in_seconds)).replace(microsecond=0)
    token = _links(call).sign(call.actor.tenant_id, document.id, expires_at)
    return Reply(LinkBody(url=call.url(f"/documents/{token}"), expires_at=expires_at))


async def open_document(call: Call) -> Reply:
    return _file(await documents.open_link(wired(call).engine, _links(call), call.path["token"]))


def document_id(call: Call) -> DocumentId:
    return DocumentId(call.id("document_id", missing=DocumentUnknown))


async def _with_time(reader: Reader, actor: Actor, wanted: DocumentId) -> tuple[Document, datetime]:
    """A link ends by the tenant's clock, so that is asked too."""
    return await documents.get_document(reader, actor, wanted), reader.now


def _links(call: Call) -> documents.Links:
    return documents.Links(wired(call).gate.master.derive(LINK_PURPOSE))


def _file(file: File) -> Reply:
    disposition = f"inline; filename*=UTF-8''{quote(file.filename, safe='')}"
    sandboxed = ("content-security-policy", "default-src 'none'; sandbox")
    headers = (("content-disposition", disposition), sandboxed)
    return Reply(file.content, headers=headers, media_type=file.media_type)


def _body(document: Document) -> DocumentBody:
    return DocumentBody(
        id=document.id,
        organization_id=document.owner_id,
        kind=document.kind,
        subject=document.subject,
        subject_id=document.subject_id,
        filename=document.filename,
        media_type=document.media_type,
        size_bytes=document.size_bytes,
        sha256=document.sha256.hex(),
        created_at=document.created_at,
    )
