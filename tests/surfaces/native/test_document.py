from __future__ import annotations

import re
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from schemathesis.core.result import Ok

from chandlery.identity.permissions import EVERY
from chandlery.surfaces.http.openapi import document
from chandlery.surfaces.http.urls import PublicUrls
from chandlery.surfaces.native import surface
from chandlery.surfaces.native.routes import ROUTES
from tests.surfaces.native.world import NativeApi


@pytest.fixture(scope="module")
def openapi() -> dict[str, Any]:
    return document(surface, PublicUrls("https://api.example"))


def test_every_route_is_in_the_document(openapi: dict[str, Any]) -> None:
    found = {(m.upper(), path) for path, operations in openapi["paths"].items() for m in operations}
    assert found == {(route.method, route.path) for route in ROUTES}


def test_a_stock_parser_takes_every_operation(openapi: dict[str, Any]) -> None:
    parsed = schemathesis.openapi.from_dict(openapi)
    assert parsed.specification.version == "3.1.0"
    operations = [result.ok() for result in parsed.get_all_operations() if isinstance(result, Ok)]
    assert len(operations) == len(ROUTES)
    for schema in openapi["components"]["schemas"].values():
        jsonschema_rs.meta.validate(schema)


def test_every_reference_leads_somewhere(openapi: dict[str, Any]) -> None:
    schemas = openapi["components"]["schemas"]
    references = set(re.findall(r'"\$ref": ?"#/components/schemas/([^"]+)"', _as_text(openapi)))
    assert references <= schemas.keys()


def test_every_operation_says_what_it_is(openapi: dict[str, Any]) -> None:
    names = []
    for path, operations in openapi["paths"].items():
        for method, operation in operations.items():
            names.append(operation["operationId"])
            assert re.fullmatch(r"[A-Z][^.]{3,}[^.]", operation["summary"]), (method, path)
            assert operation["tags"], (method, path)
            refusals = [code for code in operation["responses"] if int(code) >= 400]
            assert {"429", "500", "503"} <= set(refusals)
            for code in refusals:
                assert list(operation["responses"][code]["content"]) == ["application/problem+json"]
    assert len(names) == len(set(names))


def test_every_route_asks_for_a_permission_that_there_is() -> None:
    unguarded = {route.operation for route in ROUTES if route.permission is None and not route.public}
    assert unguarded == {
        "get_me",
        "list_countries",
        "run_bulk",
        "list_bulks",
        "get_bulk",
        "list_bulk_results",
        "get_user",
        "rename_user",
        "export_user",
    }  # of oneself; the others are asked by the use case
    assert {route.permission for route in ROUTES if route.permission} <= EVERY


def test_every_write_takes_an_idempotency_key_but_for_those_that_say_why() -> None:
    assert {
        route.operation for route in ROUTES if route.method != "GET" and not route.once and not route.public
    } == {
        "add_api_client",  # the answer holds a secret, and answers are kept
        "rotate_client_secret",
        "add_webhook",
        "rotate_webhook_secret",
        "enrol_second_factor",
        "confirm_second_factor",
        "add_personal_token",
        "change_own_password",  # the same password again is refused, and an answer would say it was right
        "remove_second_factor",
        "add_provider",
        "rotate_provider_secret",
        "import_price_sheet",  # the same sheet again changes nothing
        "set_sandbox_faults",
        "clear_sandbox_faults",
    }


def test_the_main_flow_is_where_it_is_promised() -> None:
    promised = {
        ("POST", "/v1/orders", "open_order", 201),
        ("POST", "/v1/orders/{order_id}/lines", "add_line", 201),
        ("POST", "/v1/orders/{order_id}/checkout", "checkout_order", 202),
        ("GET", "/v1/orders/{order_id}", "get_order", 200),
        ("GET", "/v1/orders/{order_id}/events", "list_order_events", 200),
        ("GET", "/v1/orders", "list_orders", 200),
    }
    assert promised <= {(route.method, route.path, route.operation, route.status) for route in ROUTES}


def test_what_a_caller_sends_is_shown_by_example(openapi: dict[str, Any]) -> None:
    for name in (
        "NewOrganization",
        "NewUser",
        "NewRole",
        "NewApiClient",
        "NewPriceRule",
        "NewOrder",
        "NewLine",
    ):
        schema = openapi["components"]["schemas"][name]
        for field in schema["required"]:
            shown = schema["properties"][field]
            assert shown.get("examples") or shown.get("type") == "array", (name, field)


async def test_it_is_served_to_everybody(native: NativeApi) -> None:
    client = native.client()
    reply = await client.get("/openapi.json")
    assert reply.status_code == 200
    assert reply.json()["info"]["title"] == "Chandlery"
    assert reply.json()["servers"] == [{"url": "https://api.example"}]
    assert (await client.get("/docs")).status_code == 200


def _as_text(openapi: dict[str, Any]) -> str:
    return repr(openapi).replace("'", '"')
