"""A line of the route table: what all of them have in common."""

from __future__ import annotations

from typing import Any

from chandlery.surfaces.http.route import Handler, Route


def to(method: str, path: str, handler: Handler, permission: str | None, summary: str, **more: Any) -> Route:
    """A write takes an Idempotency-Key unless its line says otherwise; the tag is the first word of the path."""
    once = method != "GET" and not more.get("public")
    tags = (path.split("/")[2].replace("-", " "),)
    known = {"method": method, "path": path, "handler": handler, "permission": permission, "summary": summary}
    return Route(**{"once": once, "tags": tags, **known, **more})
