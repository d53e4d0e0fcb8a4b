"""Money over HTTP: totals with charges and taxes, an invoice and its paper behind a link, payments."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import httpx

from chandlery.billing.processors import MANUAL, Manual, Processors
from chandlery.engine.unit_of_work import Engine
from chandlery.kernel.ids import LineId, OrderId, PaymentId
from chandlery.ordering.progress import LineProgress, record
from chandlery.ordering.status import LineStatus
from chandlery.processes.render_invoice import run as render
from chandlery.processes.settle_payment import settle_payment
from tests.surfaces.native.world import NativeApi, World

NOBODY = "01935f1e-0000-7000-8000-000000000001"


async def sent(client: httpx.AsyncClient, method: str, path: str, body: Any = None, expect: int = 200) -> Any:
    reply = await client.request(method, path, json=body)
    assert reply.status_code == expect, reply.text
    return reply.json() if reply.content else None


async def a_fulfilled_order(engine: Engine, world: World, client: httpx.AsyncClient) -> str:
    lines = [{"sku": "suite-basic", "quantity": 5}]
    body = {"customer_id": str(world.ids["customer_id"]), "lines": lines}
    draft = await sent(client, "POST", "/v1/orders", body, 201)
    placed = await sent(client, "POST", f"/v1/orders/{draft['id']}/checkout", expect=202)
    for status in (LineStatus.IN_PROGRESS, LineStatus.COMPLETED):
        step = LineProgress(OrderId(UUID(placed["id"])), LineId(UUID(placed["lines"][0]["id"])), status)
        await engine.perform(world.tenant.system, record, step)
    return str(placed["id"])


async def test_an_order_shows_what_comes_on_top_of_its_lines(native: NativeApi, world: World) -> None:
    client = native.client(world.reseller)
    rule = {"kind": "rate", "rate": "19", "country": "DE"}
    made = await sent(client, "POST", "/v1/tax-rules", rule, 201)
    assert (made["rate"], made["country"], made["buyer"]) == ("19", "DE", "any")
    await sent(client, "POST", "/v1/tax-rules", {"kind": "rate", "rate": "10"}, 201)
    lines = [{"sku": "suite-basic", "quantity": 5}]
    body = {"customer_id": str(world.ids["customer_id"]), "lines": lines}
    draft = await sent(client, "POST", "/v1/orders", body, 201)
    assert draft["totals"] == {
        "currency": "USD", "net_minor": 6600, "cost_minor": 4400, "charges_minor": 0, "discounts_minor": 0,
        "tax_minor": 660, "gross_minor": 7260,
        "taxes": [{"kind": "rate", "rate": "10", "note": "", "net_minor": 6600, "tax_minor": 660}],
    }  # fmt: skip
    path = f"/v1/orders/{draft['id']}"
    delivery = {"kind": "delivery", "label": "Courier", "amount_minor": 990}
    charged = await sent(client, "POST", f"{path}/charges", delivery, 201)
    assert (charged["totals"]["charges_minor"], charged["totals"]["gross_minor"], charged["version"]) == (
        990,
        8349,
        2,
    )
    (charge,) = (await sent(client, "GET", f"{path}/charges"))["items"]
    assert (charge["label"], charge["amount_minor"], charge["percent"]) == ("Courier", 990, None)
    preview = await sent(client, "POST", f"{path}/checkout?dry_run=true", expect=202)
    await sent(client, "DELETE", f"{path}/charges/{charge['id']}")
    listed = (await sent(client, "GET", "/v1/orders"))["items"][0]
    assert (preview["totals"]["gross_minor"], listed["totals"]["gross_minor"]) == (8349, 7260)
    await sent(client, "DELETE", f"/v1/tax-rules/{made['id']}")


async def test_an_invoice_is_posted_and_opened_by_a_link_without_a_token(
    native: NativeApi, world: World, engine: Engine
) -> None:
    client, buyer = native.client(world.reseller), native.client(world.customer)
    order_id = await a_fulfilled_order(engine, world, client)
    made = await client.post("/v1/invoices", json={"order_id": order_id})
    invoice = made.json()
    path = f"/v1/invoices/{invoice['id']}"
    assert (made.status_code, made.headers["location"]) == (201, f"https://api.example{path}")
    assert (invoice["number"], invoice["status"], invoice["gross_minor"]) == ("INV-000001", "unpaid", 6600)
    assert invoice["lines"][0]["price_step"] == 2
    assert await sent(buyer, "GET", path) == invoice
    assert (await sent(buyer, "GET", "/v1/invoices"))["items"] == []
    assert (await sent(buyer, "GET", "/v1/invoices?side=received&status=unpaid"))["items"] == [invoice]
    await render(engine, world.tenant.id, {"invoice_id": invoice["id"]})
    document_id = (await sent(buyer, "GET", path))["document_id"]
    found = (await sent(buyer, "GET", f"/v1/documents?subject_id={order_id}"))["items"]
    assert [(one["id"], one["filename"], one["kind"]) for one in found] == [
        (document_id, "INV-000001.pdf", "invoice")
    ]
    link = await sent(buyer, "POST", f"/v1/documents/{document_id}/link", {"expires_in_seconds": 60}, 201)
    assert link["expires_at"] == "2026-11-20T12:01:00Z"
    assert link["url"].startswith("https://api.example/documents/")
    opened = await native.client().get(link["url"].removeprefix("https://api.example"))
    assert (opened.status_code, opened.headers["content-type"]) == (200, "application/pdf")
    assert opened.content == (await buyer.get(f"/v1/documents/{document_id}/content")).content
    assert opened.headers["content-disposition"] == "inline; filename*=UTF-8''INV-000001.pdf"
    forged = await native.client().get(link["url"].removeprefix("https://api.example")[:-8])
    assert (forged.status_code, forged.json()["code"]) == (404, "document_unknown")
    credited = await sent(client, "POST", f"{path}/credit", {"reason": "Ordered twice"}, 201)
    assert (credited["number"], credited["corrects_id"]) == ("CN-000001", invoice["id"])
    assert (await sent(buyer, "GET", path))["status"] == "cancelled"


async def test_a_payment_is_made_captured_and_refunded(
    native: NativeApi, world: World, engine: Engine
) -> None:
    client = native.client(world.reseller)
    order_id = await a_fulfilled_order(engine, world, client)
    owner = str(world.ids["customer_id"])
    new = {"kind": "bank_transfer", "label": "Transfer", "processor": "manual", "organization_id": owner}
    method = await sent(client, "POST", "/v1/payment-methods", new, 201)
    assert (await sent(client, "GET", f"/v1/payment-methods?organization_id={owner}"))["items"] == [method]
    unknown = await sent(client, "POST", "/v1/payment-methods", new | {"processor": "gold"}, 422)
    assert unknown["code"] == "processor_unknown"
    pay = {"method_id": method["id"], "order_id": order_id, "capture": False}
    payment = await sent(client, "POST", "/v1/payments", pay, 202)
    path = f"/v1/payments/{payment['id']}"
    assert (payment["status"], payment["amount_minor"]) == ("pending", 6600)
    assert [(one["kind"], one["state"]) for one in payment["operations"]] == [("authorize", "waiting")]

    async def settle() -> None:
        processors = Processors({MANUAL: Manual()})
        await settle_payment(engine, processors, world.tenant.id, PaymentId(UUID(payment["id"])))

    await settle()
    await sent(client, "POST", f"{path}/capture", {"amount_minor": 6000}, 202)
    await settle()
    invoice = await sent(client, "POST", "/v1/invoices", {"order_id": order_id}, 201)
    assert (invoice["status"], invoice["paid_minor"]) == ("partly_paid", 6000)
    freed = await sent(client, "DELETE", f"{path}/allocations/{invoice['id']}")
    assert freed["status"] == "unpaid"
    put = {"invoice_id": invoice["id"], "amount_minor": 5000}
    assert (await sent(client, "POST", f"{path}/allocations", put))["open_minor"] == 1600
    await sent(client, "POST", f"{path}/void", expect=202)
    await settle()
    await sent(client, "POST", f"{path}/refund", {}, 202)
    await settle()
    done = await sent(client, "GET", path)
    assert (done["status"], done["refunded_minor"], done["allocated_minor"]) == (
        "partly_refunded",
        1000,
        5000,
    )
    assert [one["kind"] for one in done["operations"]] == ["authorize", "capture", "void", "refund"]
    assert (await sent(native.client(world.customer), "GET", "/v1/payments?side=made"))["items"][0][
        "id"
    ] == payment["id"]
    await sent(client, "DELETE", f"/v1/payment-methods/{method['id']}", expect=204)


async def test_a_file_is_uploaded_about_an_order(native: NativeApi, full_world: World) -> None:
    client = native.client(full_world.reseller)
    order_id = str(full_world.ids["order_id"])
    reply = await client.post(
        f"/v1/documents?filename=offer.pdf&order_id={order_id}",
        content=b"%PDF-1.7 signed",
        headers={"content-type": "application/pdf"},
    )
    assert reply.status_code == 201, reply.text
    kept = reply.json()
    assert (kept["organization_id"], kept["subject"], kept["subject_id"], kept["size_bytes"]) == (
        str(full_world.ids["customer_id"]), "order", order_id, 15,
    )  # fmt: skip
    stranger = await client.post(
        f"/v1/documents?order_id={NOBODY}", content=b"%PDF-", headers={"content-type": "application/pdf"}
    )
    assert stranger.status_code == 404
    lie = await client.post("/v1/documents", content=b"MZ", headers={"content-type": "image/png"})
    assert (lie.status_code, [one["field"] for one in lie.json()["errors"]]) == (422, ["content"])
    page = await client.post("/v1/documents", content=b"<script>", headers={"content-type": "text/html"})
    assert page.status_code == 415
    await sent(client, "DELETE", f"/v1/documents/{kept['id']}", expect=204)


async def test_how_one_invoices_is_put_and_read(native: NativeApi, world: World) -> None:
    client, path = native.client(world.reseller), "/v1/invoicing-policy"
    standard = await sent(client, "GET", path)
    assert standard["invoices"] == "on_demand"
    put = await sent(client, "PUT", path, standard | {"due_days": 30, "note": "Thank you."})
    assert (await sent(client, "GET", path)) == put
    stale = await client.put(path, json=standard, headers={"if-match": '"0"'})
    assert stale.status_code == 412
