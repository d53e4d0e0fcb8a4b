"""The rendered reference at `/docs`: one page of HTML that loads nothing and runs nothing."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment
from markupsafe import Markup, escape


@cache
def _parts() -> tuple[str, str]:
    here = files(__package__)
    return (here / "reference.html").read_text("utf-8"), (here / "reference.css").read_text("utf-8")


def page(document: dict[str, Any]) -> tuple[bytes, tuple[tuple[str, str], ...]]:
    """The page and the headers it needs: a policy that lets in this very style sheet and nothing else."""
    template, css = _parts()
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["kind"] = _kind
    environment.filters["coded"] = _coded
    groups: dict[str, list[tuple[str, str, Any]]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for tag in operation["tags"] or ["other"]:
                groups.setdefault(tag, []).append((method.upper(), path, operation))
    html = environment.from_string(template).render(doc=document, groups=groups, css=css)
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; frame-ancestors 'none'"
    return html.encode(), (("content-security-policy", policy), ("referrer-policy", "no-referrer"))


def _coded(text: str) -> Markup:
    """A description as HTML: escaped, with what stands in backticks as code."""
    pieces = escape(text).split("`")
    return Markup().join(
        Markup("<code>{}</code>").format(piece) if n % 2 else piece for n, piece in enumerate(pieces)
    )


def _kind(schema: dict[str, Any]) -> str:
    """A schema in a few words: `list of Line`, `string (date-time)`, `one of "draft", "open"`."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "enum" in schema:
        return "one of " + ", ".join(repr(value) for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(_kind(alternative) for alternative in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    words = str(schema.get("type", "any"))
    limits = [f"{word} {schema[key]}" for key, word in _LIMITS.items() if key in schema]
    return words + (f" ({', '.join(limits)})" if limits else "")


_LIMITS = {
    "format": "",
    "minimum": "from",
    "maximum": "to",
    "minLength": "at least",
    "maxLength": "at most",
    "pattern": "like",
}
