"""Writes docs/surfaces/operations.md: every operation of every surface, from their route tables.

`python -m chandlery.app.openapi` writes it, with `--check` it only says whether the file is what the code says: a
change of the API shows in review as a change of this table. The whole documents are served at `/openapi.json`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from chandlery.app.mounts import SURFACES
from chandlery.surfaces.http.route import Route, Surface

FILE = Path(__file__).parents[3] / "docs" / "surfaces" / "operations.md"


def main() -> None:
    text = "".join(f"{line}\n" for line in _lines())
    if "--check" not in sys.argv[1:]:
        FILE.write_text(text)
    elif not FILE.exists() or FILE.read_text() != text:
        sys.exit(f"{FILE.name} is not what the code says; write it anew: python -m chandlery.app.openapi")


def _lines() -> Iterator[str]:
    yield "# Every operation"
    yield ""
    yield "Written by `python -m chandlery.app.openapi` from the route tables; not by hand."
    for surface in SURFACES:
        yield from _section(surface)


def _section(surface: Surface) -> Iterator[str]:
    routes = [route for route in surface.routes if not route.hidden]
    yield ""
    yield f"## {surface.name}: {len(routes)} operations"
    yield ""
    yield "| operation | permission | what it does |"
    yield "|---|---|---|"
    for route in sorted(routes, key=lambda route: (route.path, route.method)):
        yield f"| `{route.method} {surface.base}{route.path}` | {_permission(route)} | {route.summary} |"


def _permission(route: Route) -> str:
    return "anybody" if route.public else route.permission or "any token"


if __name__ == "__main__":
    main()
