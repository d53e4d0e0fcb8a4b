"""How a line of the route table is written; the tables stand in `routes.py` and in the files that it lists."""

from __future__ import annotations

from typing import Any

from chandlery.surfaces.http.route import Handler, Route

ONCE_ONLY = "The secret is in no other answer, so this takes no Idempotency-Key: a repetition makes another."


def operation(
    method: str, path: str, handler: Handler, permission: str | None, summary: str, **more: Any
) -> Route:
    """A write takes an Idempotency-Key unless its line says otherwise; the tag is the first word of the path."""
    once = method != "GET" and not more.get("public")
    tags = (path.split("/")[2].replace("-", " "),)
    known = {"method": method, "path": path, "handler": handler, "permission": permission, "summary": summary}
    return Route(**{"once": once, "tags": tags, **known, **more})
