"""Which surface hangs where. Each is an ASGI app of its own; this is the only place that knows hosts and prefixes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from chandlery.surfaces.http.edge import asgi_app as surface_app
from chandlery.surfaces.http.route import House, Surface
from chandlery.surfaces.native import surface as native
from chandlery.surfaces.oauth import surface as oauth

ASGI = Callable[[Any, Any, Any], Awaitable[None]]

SURFACES: tuple[Surface, ...] = (native, oauth)

# The native API hangs at the root and its token endpoint beside it: two surfaces, one base URL.
_OAUTH_PATHS = ("/oauth/", "/.well-known/")


def asgi_app(house: House) -> ASGI:
    """All surfaces behind one address."""
    apps = {surface.name: surface_app(surface, house) for surface in SURFACES}
    root, tokens = apps["native"], apps["oauth"]
    prefixed = [(surface.base, apps[surface.name]) for surface in SURFACES if surface.base]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        path: str = scope.get("path", "")
        for base, mounted in prefixed:
            if path.startswith(base) and path[len(base) : len(base) + 1] in ("", "/"):
                await mounted({**scope, "root_path": base}, receive, send)
                return
        await (tokens if path.startswith(_OAUTH_PATHS) else root)(scope, receive, send)

    return app
