from __future__ import annotations

from datetime import timedelta
from typing import Any

import psycopg
import pytest

from chandlery.billing.documents import (
    Document,
    DocumentFilter,
    File,
    FindDocuments,
    KeepDocument,
    Links,
    documents_about,
    find_documents,
    get_document,
    keep_document,
    open_link,
    read_document,
    remove_document,
    upload_document,
)
from chandlery.billing.errors import DocumentKept, DocumentUnfit, DocumentUnknown, OwnerUnknown
from chandlery.engine.unit_of_work import Engine, Meter
from chandlery.identity import permissions
from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import PermissionMissing
from chandlery.kernel.ids import DocumentId, TenantId, new_id
from chandlery.kernel.page import PageRequest, decode_cursor
from tests.builders import Tenant, a_tenant, allowed
from tests.conftest import NOW

PDF = File("invoice 42.pdf", "application/pdf", b"%PDF-1.7 and so on")
LINKS = Links(b"k" * 32)
HOUR = timedelta(hours=1)


def clerk(actor: Actor) -> Actor:
    return allowed(actor, permissions.DOCUMENTS_READ, permissions.DOCUMENTS_WRITE)


def a_command(tenant: Tenant, **changes: Any) -> KeepDocument:
    values = {
        "owner_id": tenant.customer.organization_id,
        "file": PDF,
        "subject": "order",
        "subject_id": new_id(),
    }
    return KeepDocument(**{**values, **changes})


async def uploaded(engine: Engine, tenant: Tenant, **changes: Any) -> Document:
    return (
        await engine.perform(clerk(tenant.reseller), upload_document, a_command(tenant, **changes))
    ).result


async def kept(engine: Engine, tenant: Tenant, **changes: Any) -> Document:
    command = a_command(tenant, **{"kind": "invoice", **changes})
    return (await engine.perform(tenant.system, keep_document, command)).result


async def test_a_document_is_read_back_byte_for_byte(
    engine: Engine, tenant: Tenant, meters: list[Meter]
) -> None:
    document = await uploaded(engine, tenant)
    assert meters[-1].round_trips == 2
    assert await engine.read(clerk(tenant.customer), get_document, document.id) == document
    assert await engine.read(clerk(tenant.customer), read_document, document.id) == PDF
    assert meters[-1].round_trips == 1
    assert (document.size_bytes, document.sha256, document.created_at) == (18, PDF.sha256, NOW)


async def test_documents_need_the_permission_and_stay_in_their_subtree(
    engine: Engine, tenant: Tenant
) -> None:
    with pytest.raises(PermissionMissing):
        await engine.perform(tenant.reseller, upload_document, a_command(tenant))
    with pytest.raises(OwnerUnknown):
        await engine.perform(
            clerk(tenant.customer),
            upload_document,
            a_command(tenant, owner_id=tenant.reseller.organization_id),
        )
    above = await uploaded(engine, tenant, owner_id=tenant.reseller.organization_id)
    for reading in (get_document, read_document):
        with pytest.raises(DocumentUnknown):
            await engine.read(clerk(tenant.customer), reading, above.id)
        with pytest.raises(PermissionMissing):
            await engine.read(tenant.customer, reading, above.id)


@pytest.mark.parametrize(
    ("file", "fields"),
    [
        (File("../x.pdf", "application/pdf", b"%PDF-"), ["filename"]),
        (File("a\r\nb.pdf", "application/pdf", b"%PDF-"), ["filename"]),
        (File("invoice\u202efdp.csv", "text/csv", b"a"), ["filename"]),
        (File(".pdf", "application/pdf", b"%PDF-"), ["filename"]),
        (File("x.pdf", "application/pdf", b"MZ\x90"), ["content"]),
        (File("x.png", "image/png", b"%PDF-"), ["content"]),
        (File("x.html", "text/html", b"<script>"), ["media_type"]),
        (File("x.txt", "text/plain", b"a\0b"), ["content"]),
        (File("x.csv", "text/csv", b"\xff\xfe"), ["content"]),
        (File("x.txt", "text/plain", b"%PDF-1.7"), ["content"]),
        (File("", "x", b""), ["filename", "media_type", "content"]),
        (File("x.pdf", "application/pdf", b"%PDF-" + bytes(20 * 1024 * 1024)), ["content"]),
    ],
)
async def test_only_files_of_known_types_within_the_limit_are_taken(
    engine: Engine, tenant: Tenant, file: File, fields: list[str]
) -> None:
    with pytest.raises(DocumentUnfit) as refused:
        await engine.perform(clerk(tenant.customer), upload_document, a_command(tenant, file=file))
    assert [problem.field for problem in refused.value.problems] == fields


@pytest.mark.parametrize(
    "file",
    [
        File("Übersicht (1).csv", "text/csv", "a;ü\n".encode()),
        File("Screenshot 9.41\u202fAM.png", "image/png", b"\x89PNG\r\n\x1a\n..."),
        File("x.jpg", "image/jpeg", b"\xff\xd8\xff\xe0"),
        File("x.txt", "text/plain", b"one\r\n\ttwo"),
    ],
)
async def test_each_known_type_is_taken(engine: Engine, tenant: Tenant, file: File) -> None:
    document = await uploaded(engine, tenant, file=file)
    assert await engine.read(clerk(tenant.customer), read_document, document.id) == file


async def test_uploads_can_be_removed_and_the_books_cannot(
    engine: Engine, tenant: Tenant, owner: psycopg.Connection[Any]
) -> None:
    upload, invoice = await uploaded(engine, tenant), await kept(engine, tenant)
    with pytest.raises(DocumentUnfit):
        await engine.perform(clerk(tenant.reseller), upload_document, a_command(tenant, kind="invoice"))
    with pytest.raises(DocumentKept):
        await engine.perform(clerk(tenant.operator), remove_document, invoice.id)
    await engine.perform(clerk(tenant.customer), remove_document, upload.id)
    with pytest.raises(DocumentUnknown):
        await engine.perform(clerk(tenant.customer), remove_document, upload.id)
    events = owner.execute(
        "SELECT type, owner_id, data FROM events WHERE subject_id = %s ORDER BY id", (upload.id,)
    ).fetchall()
    about = {"kind": "upload", "subject": "order", "subject_id": str(upload.subject_id)}
    assert events == [
        ("document.added", upload.owner_id, about),
        ("document.removed", upload.owner_id, about),
    ]


async def test_a_list_goes_page_by_page_by_kind_and_by_subject(engine: Engine, tenant: Tenant) -> None:
    documents = [await kept(engine, tenant), await uploaded(engine, tenant), await kept(engine, tenant)]
    ids = [document.id for document in documents]
    organization = tenant.customer.organization_id

    async def found(page: PageRequest | None = None, **wanted: Any) -> tuple[list[DocumentId], str | None]:
        command = FindDocuments(DocumentFilter(organization, **wanted), page or PageRequest())
        answer = await engine.read(clerk(tenant.reseller), find_documents, command)
        return [document.id for document in answer.items], answer.next_cursor

    first, cursor = await found(PageRequest(2))
    assert first == ids[:2]
    assert await found(PageRequest(2, decode_cursor(cursor or ""))) == (ids[2:], None)
    assert await found(kind="invoice") == ([ids[0], ids[2]], None)
    assert await found(subject_id=documents[1].subject_id) == ([ids[1]], None)
    subjects = [document.subject_id for document in documents[:2]]
    about = await engine.read(tenant.customer, lambda r, _a, s: r.fetch(documents_about(s)), subjects)
    assert about == documents[:2]
    assert await engine.read(tenant.customer, lambda r, _a, s: r.fetch(documents_about(s)), [new_id()]) == []


async def test_a_link_opens_for_anybody_until_it_expires(engine: Engine, tenant: Tenant) -> None:
    document = await kept(engine, tenant)
    assert await open_link(engine, LINKS, LINKS.sign(tenant.id, document.id, NOW + HOUR)) == PDF
    for end in (NOW, NOW - HOUR):
        with pytest.raises(DocumentUnknown):
            await open_link(engine, LINKS, LINKS.sign(tenant.id, document.id, end))


async def test_a_link_ends_by_the_tenants_own_clock(
    engine: Engine, tenant: Tenant, owner: psycopg.Connection[Any]
) -> None:
    document = await kept(engine, tenant)
    token = LINKS.sign(tenant.id, document.id, NOW + HOUR)
    owner.execute("UPDATE tenants SET is_sandbox = true, clock_offset = '1 hour' WHERE id = %s", (tenant.id,))
    with pytest.raises(DocumentUnknown):
        await open_link(engine, LINKS, token)


async def test_a_forged_link_opens_nothing(
    engine: Engine, tenant: Tenant, owner: psycopg.Connection[Any]
) -> None:
    document, other = await kept(engine, tenant), a_tenant(owner)
    token = LINKS.sign(tenant.id, document.id, NOW + HOUR)
    assert len(token) == 96
    changed = [token[:n] + ("A" if token[n] != "A" else "B") + token[n + 1 :] for n in range(len(token))]
    foreign = LINKS.sign(other.id, document.id, NOW + HOUR)
    other_key = Links(b"x" * 32).sign(tenant.id, document.id, NOW + HOUR)
    gone = LINKS.sign(tenant.id, DocumentId(new_id()), NOW + HOUR)
    nowhere = LINKS.sign(TenantId(new_id()), document.id, NOW + HOUR)
    for forged in (
        *changed,
        foreign,
        nowhere,
        other_key,
        gone,
        "",
        "ä",
        "A",
        token + "AAAA",
        token[:-4],
        token + "\n",
    ):
        with pytest.raises(DocumentUnknown):
            await open_link(engine, LINKS, forged)
    assert "kkkk" not in repr(LINKS)
