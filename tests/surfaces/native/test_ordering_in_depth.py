from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.ordering.terms import a_person
from tests.surfaces.native.world import NativeApi, Owner, World


async def a_draft(client: httpx.AsyncClient, world: World, **more: Any) -> httpx.Response:
    lines = [{"sku": "suite-basic", "quantity": 5}]
    body = {"customer_id": str(world.customer.organization_id), "lines": lines, **more}
    reply = await client.post("/v1/orders", json=body)
    assert reply.status_code == 201, reply.text
    return reply


def tag(reply: httpx.Response) -> dict[str, str]:
    return {"if-match": reply.headers["etag"]}


async def test_a_draft_is_edited_by_the_version_that_was_read(native: NativeApi, world: World) -> None:
    client = native.client(world.reseller)
    draft = await a_draft(client, world)
    order = f"/v1/orders/{draft.json()['id']}"
    line = f"{order}/lines/{draft.json()['lines'][0]['id']}"

    header = await client.patch(order, json={"po_number": "PO-1"}, headers=tag(draft))
    assert (header.status_code, header.json()["po_number"], header.json()["version"]) == (200, "PO-1", 2)
    more = await client.patch(line, json={"quantity": 7}, headers=tag(header))
    assert (more.status_code, more.json()["lines"][0]["quantity"]) == (200, 7)
    added = await client.post(f"{order}/lines", json={"sku": "dock", "quantity": 1}, headers=tag(more))
    assert (added.status_code, len(added.json()["lines"])) == (201, 2)
    dropped = await client.delete(line, headers=tag(added))
    assert (dropped.status_code, [line["sku"] for line in dropped.json()["lines"]]) == (200, ["dock"])
    assert (await client.post(f"{order}/checkout", headers=tag(dropped))).status_code == 202


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "", {"po_number": "PO-2"}),
        ("DELETE", "", None),
        ("POST", "/lines", {"sku": "dock", "quantity": 1}),
        ("PATCH", "/lines/{line}", {"quantity": 7}),
        ("DELETE", "/lines/{line}", None),
        ("POST", "/checkout", None),
    ],
)
async def test_an_edit_of_a_version_that_is_past_is_refused_and_changes_nothing(
    native: NativeApi, world: World, method: str, path: str, body: Any
) -> None:
    client = native.client(world.reseller)
    draft = await a_draft(client, world)
    order = f"/v1/orders/{draft.json()['id']}"
    now = await client.patch(order, json={"po_number": "PO-1"}, headers=tag(draft))
    path = order + path.format(line=draft.json()["lines"][0]["id"])
    for stale in (tag(draft), {"if-match": '"not ours"'}):
        reply = await client.request(method, path, json=body, headers=stale)
        assert (reply.status_code, reply.json()["code"]) == (412, "version_stale")
    assert (await client.get(order)).json() == now.json()


async def test_an_order_waits_is_approved_and_tells_who_decided(
    native: NativeApi, world: World, owner: Owner
) -> None:
    reseller = native.client(world.reseller)
    rule = {"name": "Large orders", "above_minor": {"USD": 5000}, "steps": [{"roles": ["approver"]}]}
    made = await reseller.post("/v1/approval-rules", json=rule)
    assert made.status_code == 201, made.text
    assert made.json()["steps"][0]["organization_id"] == str(world.reseller.organization_id)

    customer = native.client(world.customer)
    order = f"/v1/orders/{(await a_draft(customer, world)).json()['id']}"
    preview = await customer.post(f"{order}/checkout?dry_run=true")
    assert (preview.status_code, preview.json()["status"]) == (202, "awaiting_approval")
    waits = (await customer.post(f"{order}/checkout")).json()
    assert (waits["status"], waits["approval"]["waiting_for"]) == ("awaiting_approval", "approver")
    assert [(step["kind"], step["name"], step["status"]) for step in waits["approval"]["steps"]] == [
        ("approval", "Large orders", "pending")
    ]
    stranger = await customer.post(f"{order}/approve", json={})
    assert (stranger.status_code, stranger.json()["code"]) == (403, "not_yours_to_decide")
    person = a_person(owner, world.reseller)
    approver = native.client(person)
    listed = (await approver.get("/v1/orders?status=awaiting_approval")).json()["items"]
    assert [item["id"] for item in listed] == [waits["id"]]
    placed = (await approver.post(f"{order}/approve", json={"reason": "Fine"})).json()
    assert (placed["status"], placed["approval"]["waiting_for"]) == ("submitted", None)
    (step,) = placed["approval"]["steps"]
    assert (step["status"], step["decided_by"], step["reason"]) == ("approved", person.principal, "Fine")


async def test_a_declined_order_goes_back_to_whoever_ordered(
    native: NativeApi, world: World, owner: Owner
) -> None:
    reseller = native.client(a_person(owner, world.reseller))
    await reseller.post("/v1/approval-rules", json={"name": "All orders", "steps": [{}]})
    customer = native.client(world.customer)
    order = f"/v1/orders/{(await a_draft(customer, world)).json()['id']}"
    await customer.post(f"{order}/checkout")
    assert (await reseller.post(f"{order}/decline", json={})).status_code == 422
    declined = (await reseller.post(f"{order}/decline", json={"reason": "Too many"})).json()
    assert (declined["status"], declined["approval"]["steps"][0]["reason"]) == ("declined", "Too many")
    draft = await customer.post(f"{order}/resubmit")
    assert (draft.status_code, draft.json()["status"], draft.json()["approval"]) == (200, "draft", None)


async def test_a_payment_that_is_awaited_is_between_two(native: NativeApi, world: World) -> None:
    operator, reseller, customer = (
        native.client(actor) for actor in (world.operator, world.reseller, world.customer)
    )
    limit = {
        "recipient_id": str(world.reseller.organization_id),
        "currency": "USD",
        "amount_minor": 100,
        "beyond": "hold",
    }
    made = (await operator.post("/v1/credit-limits", json=limit)).json()
    order = f"/v1/orders/{(await a_draft(customer, world)).json()['id']}"
    held = (await customer.post(f"{order}/checkout")).json()
    assert (held["status"], held["approval"]["waiting_for"]) == ("awaiting_approval", "operator")
    shown = {"organization_id", "limit_id"}
    (step,) = held["approval"]["steps"]
    assert {name: step[name] for name in shown} == dict.fromkeys(shown)
    for party in (operator, reseller):
        (step,) = (await party.get(order)).json()["approval"]["steps"]
        assert (step["organization_id"], step["limit_id"]) == (made["issuer_id"], made["id"])

    assert (await reseller.post(f"{order}/release", json={})).status_code == 403
    placed = await operator.post(f"{order}/release", json={"paid": False})
    assert placed.json()["status"] == "submitted"
    used = (await operator.get(f"/v1/credit-limits/{made['id']}")).json()
    assert (used["used_minor"], used["available_minor"]) == (4400, 0)
    settled = await operator.post(
        f"/v1/credit-limits/{made['id']}/settlements", json={"order_id": placed.json()["id"]}
    )
    assert (settled.status_code, settled.json()["used_minor"]) == (200, 0)


async def test_an_order_beyond_a_limit_that_refuses_is_a_conflict(native: NativeApi, world: World) -> None:
    reseller = native.client(world.reseller)
    limit = {"recipient_id": str(world.customer.organization_id), "currency": "USD", "amount_minor": 100}
    assert (await reseller.post("/v1/credit-limits", json=limit)).status_code == 201
    order = (await a_draft(reseller, world)).json()
    reply = await reseller.post(f"/v1/orders/{order['id']}/checkout")
    assert (reply.status_code, reply.json()["code"]) == (409, "credit_exceeded")


async def test_custom_fields_travel_with_order_and_lines(native: NativeApi, world: World) -> None:
    reseller, customer = native.client(world.reseller), native.client(world.customer)
    for body in (
        {"noun": "order", "name": "project", "kind": "text", "required": True},
        {"noun": "line", "name": "floor", "kind": "number"},
    ):
        assert (await reseller.post("/v1/custom-fields", json=body)).status_code == 201
    listed = (await customer.get("/v1/custom-fields?noun=order")).json()["items"]
    assert [(field["name"], field["required"], field["label"]) for field in listed] == [
        ("project", True, "project")
    ]
    lines = [{"sku": "dock", "quantity": 1, "custom_fields": {"floor": 2}}]
    draft = (await a_draft(customer, world, lines=lines)).json()
    assert draft["lines"][0]["custom_fields"] == {"floor": 2}
    order = f"/v1/orders/{draft['id']}"
    missing = await customer.post(f"{order}/checkout")
    assert missing.status_code == 422
    assert [(error["field"], error["code"]) for error in missing.json()["errors"]] == [
        ("custom_fields.project", "missing")
    ]
    changed = await customer.patch(order, json={"custom_fields": {"project": "Bridge"}})
    assert changed.json()["custom_fields"] == {"project": "Bridge"}
    assert (await customer.post(f"{order}/checkout")).status_code == 202


async def test_a_copy_says_where_it_is(native: NativeApi, world: World) -> None:
    client = native.client(world.reseller)
    first = (await a_draft(client, world, po_number="PO-1")).json()
    copy = await client.post(f"/v1/orders/{first['id']}/copy", json={"po_number": "PO-2"})
    assert (copy.status_code, copy.json()["po_number"]) == (201, "PO-2")
    assert copy.headers["location"].endswith(f"/v1/orders/{copy.json()['id']}")
    assert copy.headers["etag"] == '"1"'


async def test_notes_are_said_and_read(native: NativeApi, world: World) -> None:
    reseller, customer = native.client(world.reseller), native.client(world.customer)
    order = (await a_draft(reseller, world)).json()
    notes = f"/v1/orders/{order['id']}/notes"
    assert (await reseller.post(notes, json={"text": "Between us"})).status_code == 201
    line = {"text": "By Friday", "visibility": "public", "line_id": order["lines"][0]["id"]}
    assert (await reseller.post(notes, json=line)).status_code == 201
    read = (await customer.get(notes)).json()["items"]
    assert [(note["text"], note["line_id"]) for note in read] == [("By Friday", line["line_id"])]
