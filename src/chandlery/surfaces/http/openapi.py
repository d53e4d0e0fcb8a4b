"""The OpenAPI 3.1 document of a surface, made from its route table, and the paths that serve it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from http import HTTPStatus
from typing import Any

import msgspec

from chandlery.surfaces.http import reference
from chandlery.surfaces.http.call import Call
from chandlery.surfaces.http.route import Reply, Route, Surface
from chandlery.surfaces.http.urls import PublicUrls

Document = dict[str, Any]


def documents(surface: Surface, urls: PublicUrls) -> tuple[Route, ...]:
    """`/openapi.json`, `/openapi.yaml` and `/docs`; each is made when first asked for."""

    @cache
    def made() -> Document:
        return document(surface, urls)

    as_json = cache(lambda: msgspec.json.format(msgspec.json.encode(made())))
    as_yaml = cache(lambda: "".join(f"{line}\n" for line in _yaml(made(), "")).encode())
    as_page = cache(lambda: reference.page(made()))

    async def openapi_json(_call: Call) -> Reply:
        return Reply(as_json(), media_type="application/json")

    async def openapi_yaml(_call: Call) -> Reply:
        return Reply(as_yaml(), media_type="application/yaml")

    async def docs(_call: Call) -> Reply:
        body, policy = as_page()
        return Reply(body, headers=policy, media_type="text/html; charset=utf-8")

    served = (("/openapi.json", openapi_json), ("/openapi.yaml", openapi_yaml), ("/docs", docs))
    taken = {route.path for route in surface.routes}
    return tuple(
        Route(method="GET", path=path, handler=handler, summary="About this API", public=True, hidden=True)
        for path, handler in served
        if path not in taken
    )


def document(surface: Surface, urls: PublicUrls) -> Document:
    routes = [route for route in surface.routes if not route.hidden]
    names = [route.operation for route in routes]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f"operations named twice on {surface.name}: {sorted(twice)}")
    types = {t: None for r in routes for t in (r.body, r.query, r.reply) if t not in (None, bytes)}
    if surface.dialect.error_body is not None:
        types[surface.dialect.error_body] = None
    found, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    schemas = dict(zip(types, found, strict=True))
    queries: dict[Any, Document] = {
        r.query: _query_schema(schemas[r.query], components) for r in routes if r.query is not None
    }
    paths: Document = {}
    for route in routes:
        operation = _operation(route, surface, schemas, queries.get(route.query, {}))
        paths.setdefault(route.path, {})[route.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": surface.title, "version": surface.version, "description": surface.description},
        "servers": [{"url": urls.of(surface.name, surface.base) or "/"}],
        "tags": [{"name": tag} for tag in dict.fromkeys(tag for route in routes for tag in route.tags)],
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": dict(surface.dialect.security)},
    }


def _query_schema(schema: Document, components: Document) -> Document:
    """The members of a query struct; it becomes parameters, so it is no component itself."""
    resolved: Document = components[schema["$ref"].rpartition("/")[2]]
    resolved.pop("additionalProperties", None)
    return resolved


def _operation(route: Route, surface: Surface, schemas: dict[Any, Document], query: Document) -> Document:
    dialect = surface.dialect
    operation: Document = {"operationId": route.operation, "summary": route.summary, "tags": list(route.tags)}
    needs = f"Needs the permission `{route.permission}`." if route.permission else ""
    operation["description"] = " ".join(filter(None, (route.description, needs)))
    operation["parameters"] = list(_parameters(route, query))
    if route.body is not None:
        accepted = route.accepts or dialect.accepts
        schema = schemas.get(route.body, {})
        operation["requestBody"] = {
            "required": True,
            "content": {kind: {"schema": schema} for kind in accepted},
        }
    success: Document = {"description": HTTPStatus(route.status).phrase}
    if route.reply is not None:
        success["content"] = {route.produces or dialect.media_type: {"schema": schemas.get(route.reply, {})}}
    error: Document = {}
    if dialect.error_body is not None:
        error["content"] = {dialect.error_media_type: {"schema": schemas[dialect.error_body]}}
    operation["responses"] = {str(route.status): success} | {
        str(status): {"description": HTTPStatus(status).phrase, **error} for status in _refusals(route)
    }
    scopes = [route.permission] if route.permission else []
    operation["security"] = [] if route.public else [{name: scopes} for name in dialect.security]
    return operation


def _parameters(route: Route, query: Document) -> Iterator[Document]:
    for name in re.findall(r"\{(\w+)\}", route.path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
    for name, schema in query.get("properties", {}).items():
        needed = name in query.get("required", ())
        yield {"name": name, "in": "query", "required": needed, "schema": schema}
    if route.dry_run:
        yield {
            "name": "dry_run",
            "in": "query",
            "required": False,
            "schema": {"type": "boolean", "default": False},
        }
    if route.once:
        key = {"type": "string", "minLength": 1, "maxLength": 255}
        yield {"name": "Idempotency-Key", "in": "header", "required": False, "schema": key}


def _refusals(route: Route) -> list[int]:
    statuses = {400, 422, 429, 500, 503}
    if not route.public:
        statuses |= {401, 403}
    if "{" in route.path:
        statuses.add(404)
    if route.method != "GET":
        statuses |= {404, 409, 412}
    if route.body is not None:
        statuses |= {413, 415}
    return sorted(statuses - {route.status})


def _yaml(value: Any, indent: str) -> Iterator[str]:
    """Block style with JSON scalars: YAML that every reader of YAML 1.1 or 1.2 takes alike."""
    pairs = value.items() if isinstance(value, dict) else (("-", item) for item in value)
    for key, item in pairs:
        lead = f"{indent}-" if isinstance(value, list) else f"{indent}{json.dumps(key, ensure_ascii=False)}:"
        if isinstance(item, dict | list) and item:
            yield lead
            yield from _yaml(item, indent + "  ")
        else:
            yield f"{lead} {json.dumps(item, ensure_ascii=False)}"
