"""What cannot be: a problem document that names every offending field, never a 500, and nothing half-written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from chandlery.surfaces.http.route import Route
from chandlery.surfaces.native.routes import ROUTES
from tests.catalog.builders import PlanSpec, a_plan
from tests.surfaces.native.requests_of import fields_of, least_body, path_names, path_of
from tests.surfaces.native.test_orders import a_draft
from tests.surfaces.native.test_sweep import everything
from tests.surfaces.native.world import NativeApi, Owner, World

SENDING = [route for route in ROUTES if route.body not in (None, bytes)]
ASKING = [route for route in ROUTES if route.query is not None]

NASTY: list[Any] = [
    None, True, 0, -1, 10**30, -(2**63), 1e308, 0.5, "", " ", "\0", "\ud800", "x" * 100_000, "ﷺ\u202e\U0001f6a2",
    "1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "-1", "1e400", "NaN",
    "01935f1e-0000-7000-8000-000000000001", "'; DROP TABLE orders; --", [], [None], ["\0"], [[]], {}, {"": ""},
    {"a": {"b": {"c": None}}}, {"\0": "\0"}, [1] * 1000,
]  # fmt: skip
NASTY_TEXTS = [
    "", "0", "-1", "201", "1e30", "9" * 40, "true", "null", "%00", "%ff", "%ED%A0%80", "x" * 5_000, "%F0%9F%9A%A2",
    "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59", "01935f1e-0000-7000-8000-000000000001",
]  # fmt: skip


def each(routes: list[Route]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("route", routes, ids=[route.operation for route in routes])


def is_told_properly(reply: httpx.Response) -> bool:
    """An answer that a route may give, or a refusal in the one form that refusals have."""
    if reply.status_code < 400:
        return True
    problem = reply.json()
    return (
        reply.status_code < 500
        and reply.headers["content-type"] == "application/problem+json"
        and problem["status"] == reply.status_code
        and (reply.status_code != 422 or "errors" in problem or problem["code"] == "idempotency_key_reused")
    )


def spoilt(route: Route, ids: Any) -> Iterator[bytes]:
    """The least body with one field at a time turned into each nasty value, and each nasty value as the whole body."""
    body = least_body(route, ids)
    for value in NASTY:
        yield json.dumps(value).encode()
        for name in fields_of(route.body):
            yield json.dumps(body | {name: value}).encode()


@each(SENDING)
async def test_no_value_of_any_field_is_too_much(native: NativeApi, full_world: World, route: Route) -> None:
    client = native.client(full_world.operator)
    for content in spoilt(route, full_world.ids):
        reply = await client.request(
            route.method,
            path_of(route, full_world.ids),
            content=content,
            headers={"content-type": "application/json"},
        )
        assert is_told_properly(reply), (content[:200], reply.status_code, reply.text)


@each(ASKING)
async def test_no_value_of_any_parameter_is_too_much(
    native: NativeApi, lasting_world: World, route: Route
) -> None:
    client = native.client(lasting_world.operator)
    if route.method != "GET":
        return
    for name in fields_of(route.query):
        for text in NASTY_TEXTS:
            reply = await client.get(f"{path_of(route, lasting_world.ids)}?{name}={text}")
            assert is_told_properly(reply), (name, text, reply.status_code, reply.text)


@each([route for route in ROUTES if path_names(route) and not route.public])
async def test_no_word_in_a_path_is_too_much(native: NativeApi, lasting_world: World, route: Route) -> None:
    client = native.client(lasting_world.operator)
    for name in path_names(route):
        for text in ("%00", "%ff", "..", "%2e%2e", "%2F", "'", "null", "%ED%A0%80", "{" + name + "}", ":"):
            path = path_of(route, lasting_world.ids | {name: text})
            reply = await client.request(route.method, path, content=b"{}")
            assert is_told_properly(reply), (path, reply.status_code, reply.text)


@each(SENDING)
async def test_what_is_no_json_is_unreadable_and_nothing_happens(
    native: NativeApi, lasting_world: World, lasting_owner: Owner, route: Route
) -> None:
    before = everything(lasting_owner)
    client = native.client(lasting_world.operator)
    deep = b"[" * 100_000
    for content, status in (
        (b"{", 400),
        (b'{"a":1}x', 400),
        (b"\xff\xfe", 400),
        (b'{"a": NaN}', 400),
        (deep, 400),
        (deep + b"]" * 100_000, 400),
        (b'{"a":' * 65 + b"1" + b"}" * 65, 400),
        (b'"' + b"x" * (1024 * 1024) + b'"', 413),
        (b"[]", 422),
        (b"null", 422),
        (b'"text"', 422),
        (b'{"no_such_field": 1}', 422),
    ):
        reply = await client.request(
            route.method,
            path_of(route, lasting_world.ids),
            content=content,
            headers={"content-type": "application/json"},
        )
        assert (reply.status_code, reply.headers["content-type"]) == (status, "application/problem+json"), (
            content[:50],
            reply.text,
        )
    form = await client.request(route.method, path_of(route, lasting_world.ids), data={"a": "b"})
    assert form.status_code == 415
    assert everything(lasting_owner) == before


async def test_every_problem_of_an_order_s_form_is_named_at_once(native: NativeApi, world: World) -> None:
    reply = await native.client(world.reseller).post(
        "/v1/orders",
        json={
            "customer_id": "me",
            "po_number": 7,
            "colour": "red",
            "expires_in_days": 0,
            "attributes": [],
            "lines": [
                {"sku": "dock", "quantity": "many"},
                {"sku": None, "quantity": 10**30, "price": 0},
                {"sku": "dock", "quantity": 0},
                {"plan_id": "x", "characteristics": "none"},
            ],
        },
    )
    assert (reply.status_code, reply.json()["code"]) == (422, "fields_refused")
    assert {problem["field"] for problem in reply.json()["errors"]} == {
        "customer_id",
        "po_number",
        "colour",
        "expires_in_days",
        "attributes",
        "lines.0.quantity",
        "lines.1.quantity",
        "lines.1.price",
        "lines.2.quantity",
        "lines.3.plan_id",
        "lines.3.characteristics",
        "lines.3.quantity",
    }


async def test_every_problem_of_an_order_s_content_is_named_at_once(
    native: NativeApi, world: World, owner: Owner
) -> None:
    a_plan(owner, world.tenant, PlanSpec(sku="limited", max_quantity=5))
    before = everything(owner)
    reply = await native.client(world.reseller).post(
        "/v1/orders",
        json={
            "customer_id": str(world.ids["customer_id"]),
            "po_number": "P" * 101,
            "attributes": {"UPPER": {}},
            "lines": [
                {"sku": "nothing", "quantity": 1},
                {"sku": "suite-pro", "quantity": 1},
                {"sku": "limited", "quantity": 6},
                {"sku": "dock", "quantity": 1, "characteristics": {"colour": "red"}},
                {"quantity": 1},
                {"plan_id": "01935f1e-0000-7000-8000-000000000001", "quantity": 1},
            ],
        },
    )
    assert (reply.status_code, reply.json()["code"]) == (422, "order_invalid")
    assert [(problem["field"], problem["code"]) for problem in reply.json()["errors"]] == [
        ("po_number", "text"),
        ("attributes.UPPER", "namespace"),
        ("lines.0.sku", "sku_unknown"),
        ("lines.1.sku", "sku_ambiguous"),
        ("lines.2.quantity", "quantity_out_of_bounds"),
        ("lines.3.characteristics.colour", "characteristic_unknown"),
        ("lines.4.plan_id", "plan_not_named"),
        ("lines.5.plan_id", "plan_not_sold"),
    ]
    ambiguous = reply.json()["errors"][3]["message"]
    assert str(world.plans["suite-pro"]) in ambiguous
    assert str(world.plans["suite-pro:P1Y:annual"]) in ambiguous
    assert everything(owner) == before


@pytest.mark.parametrize(
    "quantity", [0, -1, 2**31, 10**9 + 1, 2**63 - 1, 2**63, 10**30, 1.5, "3", None, True]
)
async def test_a_quantity_that_cannot_be_ordered_is_refused_by_name(
    native: NativeApi, world: World, quantity: object
) -> None:
    client = native.client(world.reseller)
    draft = await a_draft(client, world)
    for path, body in (
        (f"/v1/orders/{draft['id']}/lines", {"sku": "suite-basic", "quantity": quantity}),
        (
            "/v1/orders",
            {"customer_id": draft["customer_id"], "lines": [{"sku": "dock", "quantity": quantity}]},
        ),
    ):
        reply = await client.post(path, json=body)
        assert reply.status_code == 422
        assert [problem["field"].rpartition(".")[2] for problem in reply.json()["errors"]] == ["quantity"]
    assert (await client.get(f"/v1/orders/{draft['id']}")).json() == draft


@pytest.mark.parametrize(
    ("currency", "code"),
    [("QQQ", "currency_unknown"), ("usd", "currency_unknown"), ("EUR", "currency_not_priced")],
)
async def test_a_currency_that_does_not_fit_is_refused(
    native: NativeApi, world: World, currency: str, code: str
) -> None:
    body = {
        "customer_id": str(world.ids["customer_id"]),
        "currency": currency,
        "lines": [{"sku": "dock", "quantity": 1}],
    }
    reply = await native.client(world.reseller).post("/v1/orders", json=body)
    assert reply.status_code == 422
    assert [problem["code"] for problem in reply.json()["errors"]] == [code]


async def test_a_customer_who_is_unknown_foreign_or_no_customer_gets_no_order(
    native: NativeApi, world: World, lasting_world: World
) -> None:
    client = native.client(world.reseller)
    unknown = await client.post("/v1/orders", json={"customer_id": "01935f1e-0000-7000-8000-000000000001"})
    foreign = await client.post("/v1/orders", json={"customer_id": str(lasting_world.ids["customer_id"])})
    above = await client.post("/v1/orders", json={"customer_id": str(world.operator.organization_id)})
    for reply in (unknown, foreign, above):
        assert (reply.status_code, reply.json()["code"]) == (404, "organization_unknown")
        assert reply.json() | {"request_id": ""} == unknown.json() | {"request_id": ""}


@pytest.mark.parametrize("key", ["", "x" * 256, "né"])
async def test_a_key_that_is_none_is_refused(native: NativeApi, world: World, key: str) -> None:
    reply = await native.client(world.reseller).post(
        "/v1/orders",
        json={"customer_id": str(world.ids["customer_id"])},
        headers=[(b"idempotency-key", key.encode())],
    )
    assert (reply.status_code, reply.json()["errors"][0]["field"]) == (422, "Idempotency-Key")


@pytest.mark.parametrize("limit", ["0", "201", "-1", "many", "9" * 40])
async def test_a_page_has_its_bounds(native: NativeApi, world: World, limit: str) -> None:
    reply = await native.client(world.reseller).get("/v1/orders", params={"limit": limit, "colour": "red"})
    assert reply.status_code == 422
    assert {problem["field"] for problem in reply.json()["errors"]} == {"limit", "colour"}


async def test_what_is_nowhere_is_said_in_the_same_form(native: NativeApi, world: World) -> None:
    client = native.client(world.reseller)
    unknown = await client.get("/v1/nothing/here")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "path_unknown")
    method = await client.put("/v1/orders", json={})
    assert (method.status_code, method.json()["code"]) == (405, "method_not_allowed")
    assert method.headers["allow"] == "GET, HEAD, OPTIONS, POST"
