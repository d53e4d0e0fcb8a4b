from __future__ import annotations

from dataclasses import replace
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from schemathesis.core.result import Ok

from chandlery.surfaces.http.openapi import document
from chandlery.surfaces.http.urls import PublicUrls
from tests.surfaces.http.toys import ROUTES, SURFACE, a_client


def a_document() -> dict[str, Any]:
    return document(SURFACE, PublicUrls("https://api.example"))


def test_every_route_is_in_the_document_as_callers_see_it() -> None:
    found = {(m.upper(), path) for path, ops in a_document()["paths"].items() for m in ops}
    assert found == {(route.method, route.path) for route in ROUTES}


def test_the_document_is_valid_and_every_operation_loads() -> None:
    schema = schemathesis.openapi.from_dict(a_document())
    assert schema.specification.version == "3.1.0"
    operations = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
    assert len(operations) == len(ROUTES)
    for component in a_document()["components"]["schemas"].values():
        jsonschema_rs.meta.validate(component)


def test_an_operation_says_all_that_its_route_says() -> None:
    operation = a_document()["paths"]["/v1/toys"]["post"]
    assert operation["operationId"] == "create_toy"
    assert operation["security"] == [{"bearer": ["toys:write"]}]
    assert operation["requestBody"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/NewToy"
    }
    assert operation["responses"]["201"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/Toy"
    }
    assert list(operation["responses"]["422"]["content"]) == ["application/problem+json"]
    assert [parameter["name"] for parameter in operation["parameters"]] == ["dry_run", "Idempotency-Key"]


def test_a_query_s_fields_are_parameters() -> None:
    parameters = {p["name"]: p for p in a_document()["paths"]["/v1/toys"]["get"]["parameters"]}
    assert list(parameters) == ["limit", "cursor", "number", "broken", "status"]
    assert parameters["limit"]["schema"] == {"type": "integer", "minimum": 1, "maximum": 200, "default": 50}


def test_two_operations_of_one_name_are_an_error() -> None:
    twin = replace(ROUTES[0], path="/v1/other")
    with pytest.raises(ValueError, match="list_toys"):
        document(replace(SURFACE, routes=(*ROUTES, twin)), PublicUrls())


async def test_json_and_yaml_say_the_same() -> None:
    yaml = pytest.importorskip("yaml")
    async with a_client(token=None) as client:
        as_json = await client.get("/openapi.json")
        as_yaml = await client.get("/openapi.yaml")
    assert as_json.headers["content-type"] == "application/json"
    assert as_yaml.headers["content-type"] == "application/yaml"
    assert as_json.json() == yaml.safe_load(as_yaml.content) == a_document()


async def test_the_reference_loads_and_runs_nothing() -> None:
    async with a_client(token=None) as client:
        response = await client.get("/docs")
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
    for loader in ("<script", "src=", "<link", "url(", "@import"):
        assert loader not in response.text
    for route in ROUTES:
        assert f"<code>{route.path}</code>" in response.text
    assert 'id="schema-NewToy"' in response.text
